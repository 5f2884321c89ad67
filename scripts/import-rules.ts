/**
 * Who may import whom (ARCHITECTURE.md): for each package of `packages/`, the packages of ours that
 * its manifest and its `src` may name. Plugins do not import plugins: they meet in decorators, in
 * route config and in core's diagnostics channels. A package that is not listed may not exist, and
 * since nobody lists test-support, it can only be a devDependency.
 */
export const allowedImports: Readonly<Record<string, readonly string[]>> = {
  '@spillway/core': [],
  '@spillway/redis': ['@spillway/core'],
  '@spillway/plugin-kit': ['@spillway/core'],
  '@spillway/concurrency-limit': ['@spillway/core', '@spillway/plugin-kit'],
  '@spillway/load-shed': ['@spillway/core', '@spillway/plugin-kit'],
  '@spillway/circuit-breaker': ['@spillway/core', '@spillway/plugin-kit'],
  '@spillway/guard': ['@spillway/core', '@spillway/plugin-kit', '@spillway/circuit-breaker'],
  '@spillway/cache': ['@spillway/core', '@spillway/plugin-kit', '@spillway/redis'],
  '@spillway/session': ['@spillway/core', '@spillway/plugin-kit', '@spillway/redis'],
  '@spillway/metrics': ['@spillway/core', '@spillway/plugin-kit'],
  'fastify-spillway': [
    '@spillway/core',
    '@spillway/redis',
    '@spillway/plugin-kit',
    '@spillway/concurrency-limit',
    '@spillway/load-shed',
    '@spillway/circuit-breaker',
    '@spillway/guard',
    '@spillway/cache',
    '@spillway/session',
    '@spillway/metrics',
  ],
  '@spillway/express': ['@spillway/core'],
  '@spillway/test-support': ['@spillway/core', '@spillway/redis'],
}

/**
 * Workspaces outside `packages/` use the packages as a user would, so they may import any of them;
 * the benchmarks also run the examples, never the other way round.
 */
export const benchmarks = '@spillway/benchmarks'

/** Whether a package name is one of ours. */
export function isOurs(name: string): boolean {
  return name.startsWith('@spillway/') || name === 'fastify-spillway'
}

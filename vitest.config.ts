import { defineConfig } from 'vitest/config'

// Never 'import': vitest hands these to Node, whose require() would then load ES modules (pg-pool).
const source = ['@spillway/source', 'module', 'node']
const testFiles = '{packages,examples}/*/test/**/*.test.ts'
const integrationFiles = '**/*.integration.test.ts'

export default defineConfig({
  resolve: { conditions: source },
  ssr: { resolve: { conditions: source, externalConditions: source } },
  test: {
    // Logs get one plain line more, which a machine can read: `12 passed, 0 failed`.
    reporters: process.env['CI'] ? ['default', './scripts/closing-line.ts'] : ['default'],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['packages/test-support/**'],
      reporter: [['text', { skipFull: true }]],
      reportsDirectory: '.vitest/coverage',
      thresholds: { lines: 95, functions: 95, statements: 95, branches: 90 },
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // Virtual time: how long a machine takes for it says nothing.
          testTimeout: 60_000,
          include: [testFiles, 'benchmarks/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
          exclude: [integrationFiles, 'examples/**', '**/node_modules/**'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: [
            `{packages,scripts,benchmarks}/${integrationFiles}`,
            'examples/*/test/**/*.test.ts',
          ],
          exclude: ['**/node_modules/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'types',
          typecheck: {
            enabled: true,
            only: true,
            // `npm run typecheck` reports those of the sources.
            ignoreSourceErrors: true,
            checker: 'tsc',
            tsconfig: './tsconfig.check.json',
            include: ['packages/*/test/**/*.test-d.ts'],
          },
        },
      },
    ],
  },
})

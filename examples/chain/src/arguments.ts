import { parseArgs } from 'node:util'
import { readOptions } from '@spillway/example-slow-database/usage-error.ts'

export interface Arguments {
  readonly isHelp: boolean
  readonly isFast: boolean
}

export const usage = `Usage: npm start -- [options]

A client, two services and a third one that fails: with naive retries, and with a retry budget.

  --fast        a shorter story (7 seconds instead of 28)
  --help        this text

Exit status: 0 when the budget held (at most 1.1 attempts a request), 1 when it did not, 2 when the
example could not run.
`

/** @throws UsageError with one sentence for a wrong option */
export function parseArguments(args: readonly string[]): Arguments {
  const { help, fast } = readOptions(
    () =>
      parseArgs({
        args: [...args],
        options: {
          help: { type: 'boolean', short: 'h', default: false },
          fast: { type: 'boolean', default: false },
        },
      }).values,
  )
  return { isHelp: help, isFast: fast }
}

import { parseArgs } from 'node:util'
import { readOptions, UsageError } from './usage-error.ts'

export interface Arguments {
  readonly isHelp: boolean
  /** Plain lines instead of the live view. */
  readonly isHeadless: boolean
  readonly isFast: boolean
  /** Where the figures go. */
  readonly jsonFile: string | undefined
}

export const usage = `Usage: npm run demo -- [options]

A shop on a real PostgreSQL that becomes ten times slower, without and with Spillway.

  --fast        a shorter story (25 seconds instead of a minute)
  --headless    plain lines instead of the live view (also when the output is no terminal)
  --json FILE   write all figures, tenth of a second by tenth of a second, to FILE
  --help        this text

Exit status: 0 when the protected service met every bar, 1 when it did not, 2 when the demo could
not run.
`

/** @throws UsageError with one sentence for a wrong option */
export function parseArguments(args: readonly string[]): Arguments {
  const { help, headless, fast, json } = parse(args)
  if (json === '') throw new UsageError('Option --json needs the name of a file.')
  return { isHelp: help, isHeadless: headless, isFast: fast, jsonFile: json }
}

function parse(args: readonly string[]): {
  help: boolean
  headless: boolean
  fast: boolean
  json: string | undefined
} {
  return readOptions(() => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        headless: { type: 'boolean', default: false },
        fast: { type: 'boolean', default: false },
        json: { type: 'string' },
      },
    })
    return { ...values, json: values.json }
  })
}

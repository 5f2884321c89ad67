import { parseArgs } from 'node:util'
import { readOptions } from '@spillway/example-slow-database/usage-error.ts'
import { chosen, positiveInteger } from '../lib/option-values.ts'

export interface Arguments {
  readonly isHelp: boolean
  /** Names of contestants. */
  readonly only: readonly string[]
  readonly rounds: number
  readonly jsonFile: string | undefined
}

export function usage(contestants: readonly string[]): string {
  return `Usage: node --conditions=@spillway/source benchmarks/outage/run.ts [options]

  --only A,B     some of: ${contestants.join(', ')}
  --rounds N     so many rounds, 70 seconds each (3)
  --json FILE    instead of benchmarks/results/outage-<date>.json
  --help         this text
`
}

/** @throws UsageError with one sentence for a wrong option */
export function parseArguments(args: readonly string[], contestants: readonly string[]): Arguments {
  const { help, only, rounds, json } = readOptions(
    () =>
      parseArgs({
        args: [...args],
        options: {
          help: { type: 'boolean', short: 'h', default: false },
          only: { type: 'string' },
          rounds: { type: 'string', default: '3' },
          json: { type: 'string' },
        },
      }).values,
  )
  return {
    isHelp: help,
    only: chosen('--only', only, contestants),
    rounds: positiveInteger('--rounds', rounds),
    jsonFile: json,
  }
}

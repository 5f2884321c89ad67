import { parseArgs } from 'node:util'
import { readOptions } from '@spillway/example-slow-database/usage-error.ts'
import { chosen, positiveInteger } from '../lib/option-values.ts'

export interface Arguments {
  readonly isHelp: boolean
  /** Names of contestants. */
  readonly only: readonly string[]
  /** Names of scenarios. */
  readonly scenarios: readonly string[]
  readonly rounds: number
  readonly isFast: boolean
  readonly jsonFile: string | undefined
}

/** What there is to choose from. */
export interface Choices {
  readonly contestants: readonly string[]
  readonly scenarios: readonly string[]
}

export function usage(
  { contestants, scenarios }: Choices,
  command = 'benchmarks/overload/run.ts',
  result = 'overload',
  fast = 'half',
): string {
  return `Usage: node --conditions=@spillway/source ${command} [options]

  --only A,B        some of: ${contestants.join(', ')}
  --scenarios A,B   some of: ${scenarios.join(', ')}
  --rounds N        so many rounds, the median counts (1)
  --fast            phases of ${fast} the length
  --json FILE       instead of benchmarks/results/${result}-<date>.json
  --help            this text
`
}

/** @throws UsageError with one sentence for a wrong option */
export function parseArguments(args: readonly string[], choices: Choices): Arguments {
  const values = parse(args)
  return {
    isHelp: values.help,
    only: chosen('--only', values.only, choices.contestants),
    scenarios: chosen('--scenarios', values.scenarios, choices.scenarios),
    rounds: positiveInteger('--rounds', values.rounds),
    isFast: values.fast,
    jsonFile: values.json,
  }
}

interface Values {
  readonly help: boolean
  readonly only: string | undefined
  readonly scenarios: string | undefined
  readonly rounds: string
  readonly fast: boolean
  readonly json: string | undefined
}

function parse(args: readonly string[]): Values {
  return readOptions(() => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        only: { type: 'string' },
        scenarios: { type: 'string' },
        rounds: { type: 'string', default: '1' },
        fast: { type: 'boolean', default: false },
        json: { type: 'string' },
      },
    })
    return { ...values, only: values.only, scenarios: values.scenarios, json: values.json }
  })
}

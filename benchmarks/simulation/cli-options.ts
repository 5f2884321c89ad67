import { parseArgs } from 'node:util'
import { contestants } from './contestants.ts'
import { scenarios } from './scenarios/index.ts'

export interface CliOptions {
  readonly limits: readonly string[]
  readonly scenarioIds: readonly number[]
  readonly seeds: readonly number[]
  readonly jsonFile: string | undefined
  readonly noQueue: boolean
  readonly verbose: boolean
  readonly trace: boolean
  /** Only variants whose name contains this. */
  readonly variant: string
  readonly workers: number
}

export const usage = `Compares concurrency limits in virtual time.

  node --conditions=@spillway/source benchmarks/simulation/run.ts [options]

  --limits a,b       contestants: ${contestants.map(({ name }) => name).join(', ')}
  --scenarios 1,4    scenarios by number (default: all)
  --variant TEXT     only variants whose name contains TEXT
  --seeds N          seeds 1..N (default: 5)
  --seed N           this seed only
  --quick            seed 1 only
  --no-queue         refuse at once whatever exceeds the limit
  --workers N        threads (default: 2)
  --json FILE        write every result to FILE
  --verbose          every variant, with the figures behind its verdict
  --trace            one second per line: limit, in flight, goodput, refusals, reason
  --help
`

const optionTypes = {
  limits: { type: 'string' },
  scenarios: { type: 'string' },
  variant: { type: 'string' },
  seeds: { type: 'string' },
  seed: { type: 'string' },
  quick: { type: 'boolean' },
  'no-queue': { type: 'boolean' },
  workers: { type: 'string' },
  json: { type: 'string' },
  verbose: { type: 'boolean' },
  trace: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

/** Undefined: the usage was asked for. @throws Error with one sentence when something is wrong */
export function parseCli(args: readonly string[]): CliOptions | undefined {
  const { values } = parseArgs({ args: [...args], options: optionTypes, strict: true })
  if (values.help === true) return undefined
  return {
    limits: pickNames(values.limits),
    scenarioIds: pickScenarios(values.scenarios),
    seeds: pickSeeds(values),
    jsonFile: values.json,
    noQueue: values['no-queue'] ?? false,
    verbose: values.verbose ?? false,
    trace: values.trace ?? false,
    variant: values.variant ?? '',
    workers: wholeNumber('--workers', values.workers ?? '2'),
  }
}

function pickNames(list: string | undefined): readonly string[] {
  const known = contestants.map(({ name }) => name)
  const names = list?.split(',') ?? known
  const unknown = names.find((name) => !known.includes(name))
  if (unknown === undefined) return names
  throw new Error(`There is no limit '${unknown}'; choose among ${known.join(', ')}.`)
}

function pickScenarios(list: string | undefined): readonly number[] {
  const known = scenarios.map(({ id }) => id)
  const ids = list?.split(',').map(Number) ?? known
  const unknown = ids.findIndex((id) => !known.includes(id))
  if (unknown === -1) return ids
  const given = list?.split(',')[unknown]
  throw new Error(`There is no scenario '${given}'; choose among ${known.join(', ')}.`)
}

function pickSeeds(values: {
  readonly seed?: string
  readonly seeds?: string
  readonly quick?: boolean
}): readonly number[] {
  if (values.seed !== undefined) return [wholeNumber('--seed', values.seed)]
  const count = values.quick === true ? 1 : wholeNumber('--seeds', values.seeds ?? '5')
  return Array.from({ length: count }, (_, index) => index + 1)
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 1) return value
  throw new Error(`${name} needs a whole number of at least 1, got '${text}'.`)
}

import { parseArgs } from 'node:util'
import { readOptions, UsageError } from '@spillway/example-slow-database/usage-error.ts'

export interface Arguments {
  readonly isHelp: boolean
  readonly minutes: number
  readonly jsonFile: string | undefined
}

export const usage = `Usage: node --conditions=@spillway/source benchmarks/soak/run.ts [options]

A Fastify service with a concurrency limit and a guard, under twice the load it can take, with
clients that hang up. Ends with status 1 when anything is left behind or the heap grows.

  --minutes N   how long, from 1 to 1440 (10)
  --json FILE   writes what was measured there, too
  --help        this text
`

/** @throws UsageError with one sentence for a wrong option */
export function parseArguments(args: readonly string[]): Arguments {
  const { help, minutes, json } = parse(args)
  if (json === '') throw new UsageError('Option --json needs the name of a file.')
  return { isHelp: help, minutes: wholeMinutes(minutes), jsonFile: json }
}

interface Values {
  readonly help: boolean
  readonly minutes: string
  readonly json: string | undefined
}

function parse(args: readonly string[]): Values {
  return readOptions(() => {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        minutes: { type: 'string', default: '10' },
        json: { type: 'string' },
      },
    })
    return { ...values, json: values.json }
  })
}

function wholeMinutes(text: string): number {
  const minutes = /^\d{1,4}$/.test(text) ? Number(text) : NaN
  if (minutes >= 1 && minutes <= 1440) return minutes
  throw new UsageError(`Option --minutes needs a whole number from 1 to 1440, got ${text}.`)
}

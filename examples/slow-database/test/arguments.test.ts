import { describe, expect, it } from 'vitest'
import { parseArguments, usage } from '../src/arguments.ts'
import { UsageError } from '../src/usage-error.ts'

describe('arguments of the demo', () => {
  it('has defaults for a person at a terminal', () => {
    expect(parseArguments([])).toEqual({
      isHelp: false,
      isHeadless: false,
      isFast: false,
      jsonFile: undefined,
    })
  })

  it('reads all of them', () => {
    expect(parseArguments(['--fast', '--headless', '--json', 'out.json'])).toEqual({
      isHelp: false,
      isHeadless: true,
      isFast: true,
      jsonFile: 'out.json',
    })
  })

  it.each([[['--fsat']], [['--fast=yes']], [['--json']], [['--json=']], [['extra']]])(
    'answers %j with one sentence',
    (args) => {
      expect(() => parseArguments(args)).toThrow(UsageError)
      expect(() => parseArguments(args)).toThrow(/^[^\n]{10,120}$/)
    },
  )

  it('explains every option', () => {
    for (const option of ['--fast', '--headless', '--json', '--help']) {
      expect(usage).toContain(option)
    }
  })
})

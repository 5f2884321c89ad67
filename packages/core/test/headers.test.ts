import {
  deadlineHeader,
  formatDeadlineHeader,
  parseDeadlineHeader,
  parsePriorityHeader,
  priorityHeader,
} from '@spillway/core'
import { describe, expect, test } from 'vitest'

/** Nothing that anybody may send becomes more than "says nothing". */
const garbage = [
  undefined,
  null,
  ['250'],
  '',
  ' ',
  '0',
  '00',
  '-1',
  '+5',
  '1.5',
  '1e3',
  '1e309',
  '0x10',
  'NaN',
  'Infinity',
  '250, 9',
  ' 250',
  '250\n',
  '２５０',
  '250ms',
  '2147483648',
  '9'.repeat(10),
  '9'.repeat(5000),
]

describe('the deadline header', () => {
  test('has Envoy’s name', () => {
    expect(deadlineHeader).toBe('x-envoy-expected-rq-timeout-ms')
  })

  test.each([
    ['1', 1],
    ['250', 250],
    ['0250', 250],
    ['2147483647', 2_147_483_647],
  ])('%s', (value, ms) => {
    expect(parseDeadlineHeader(value)).toBe(ms)
  })

  test.each(garbage)('%j says nothing', (value) => {
    expect(parseDeadlineHeader(value)).toBeUndefined()
  })

  test.each([
    [249.9, '249'],
    [1, '1'],
    [0.2, '1'],
    [-30, '1'],
    [NaN, '1'],
    [Infinity, '2147483647'],
  ])('%d ms are sent as %s, which is understood', (ms, text) => {
    expect(formatDeadlineHeader(ms)).toBe(text)
    expect(parseDeadlineHeader(text)).toBe(Number(text))
  })
})

describe('the priority header', () => {
  test.each(['critical', 'high', 'default', 'low'])('%s', (word) => {
    expect(priorityHeader).toBe('x-request-priority')
    expect(parsePriorityHeader(word)).toBe(word)
  })

  test.each([...garbage, 'Critical', 'low ', 'low, low', 'u=3', 'toString', '__proto__'])(
    '%j says nothing',
    (value) => {
      expect(parsePriorityHeader(value)).toBeUndefined()
    },
  )
})

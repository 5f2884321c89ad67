import { describe, expect, it } from 'vitest'
import { recoveryMs } from '../src/accounting/recovery.ts'
import { steadyAnswers } from './recording.ts'

describe('time to recover', () => {
  it('is nothing when the goodput is there at once', () => {
    expect(recoveryMs(steadyAnswers(0, 5000, 300), 0, 5000, 300)).toBe(0)
  })

  it('is the start of the first second that reaches 95 %', () => {
    const answers = [...steadyAnswers(0, 2000, 30), ...steadyAnswers(2000, 5000, 300)]
    expect(recoveryMs(answers, 0, 5000, 300)).toBe(2000)
  })

  it('is not ended by a burst that is over within a second', () => {
    const answers = [...steadyAnswers(500, 900, 300), ...steadyAnswers(3000, 5000, 290)]
    expect(recoveryMs(answers, 0, 5000, 300)).toBe(3000)
  })

  it('is never when it is too little until the end', () => {
    expect(recoveryMs(steadyAnswers(0, 5000, 270), 0, 5000, 300)).toBeUndefined()
  })

  it('counts good answers only', () => {
    const answers = steadyAnswers(0, 5000, 300, { outcome: 'refused' })
    expect(recoveryMs(answers, 0, 5000, 300)).toBeUndefined()
  })
})

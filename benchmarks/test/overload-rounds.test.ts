import { describe, expect, it } from 'vitest'
import { atLeast, spread } from '../overload/bars.ts'
import { playRounds, relativeTo, runsOf } from '../overload/rounds.ts'

const named = (name: string): { readonly name: string } => ({ name })

describe('rounds', () => {
  const play = async (only: readonly string[], rounds: number): Promise<string[]> => {
    const runs = await playRounds({
      args: { only, rounds, scenarios: ['calm', 'storm'] },
      scenarios: ['calm', 'rain', 'storm'].map(named),
      contestants: ['bare', 'ours'].map(named),
      play: async (scenario, contestant) => `${scenario.name} ${contestant.name}`,
      onRun: () => {},
    })
    return runs.map(({ round, score }) => `${round} ${score}`)
  }

  it('take turns: all contestants of a scenario, all scenarios of a round', async () => {
    expect(await play(['bare', 'ours'], 2)).toEqual([
      '1 calm bare',
      '1 calm ours',
      '1 storm bare',
      '1 storm ours',
      '2 calm bare',
      '2 calm ours',
      '2 storm bare',
      '2 storm ours',
    ])
  })

  it('leave out who was not chosen', async () => {
    expect(await play(['ours'], 1)).toEqual(['1 calm ours', '1 storm ours'])
  })
})

describe('figures of rounds', () => {
  const run = (contestant: string, round: number, score: number) => ({
    scenario: 'calm',
    contestant,
    round,
    score,
  })
  const runs = [run('bare', 1, 4), run('bare', 2, 0), run('ours', 1, 3), run('ours', 2, 3)]

  it('are compared within a round, and with nothing that is nothing', () => {
    const relative = relativeTo(
      runsOf(runs, 'calm', 'bare'),
      runsOf(runs, 'calm', 'ours'),
      (score) => score,
    )
    expect(relative).toEqual([0.75])
  })

  it('are shown as median and range, never rounded up', () => {
    expect(spread([0.979])).toBe('0.97')
    expect(spread([0.5, 1, 0.75])).toBe('0.75 (0.50 to 1.00)')
    expect(spread([])).toBe('-')
  })

  it('meet a bar by their median', () => {
    expect(atLeast('goodput', [0.5, 0.98, 1], 0.98)).toMatchObject([{ isMet: true }])
    expect(atLeast('goodput', [0.979], 0.98)).toMatchObject([{ isMet: false }])
    expect(atLeast('goodput', [], 0.98)).toEqual([])
  })
})

import type { Phase } from '../evidence.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { atLeast, goodputVerdict } from '../score.ts'
import type { CallClass } from '../world-spec.ts'
import { loadedPool, minute, pool, second } from './common.ts'

const phase: Phase = { from: 10 * second, to: minute }

function prioritized(critical: number, low: number): readonly CallClass[] {
  const [base] = pool().classes
  return [
    { ...base!, name: 'critical', priority: 'critical', weight: critical },
    { ...base!, name: 'low', priority: 'low', weight: low },
  ]
}

const modestOverload: Variant = {
  name: 'critical 20 % at 3x',
  spec: { ...loadedPool(3, minute), classes: prioritized(20, 80) },
  judge(evidence) {
    const goodput = evidence.goodput(phase)
    return goodputVerdict(evidence.servedShare(phase, 'critical'), 99.5, 99.5, { goodput })
  },
}

/** At 6x the critical calls alone are 1.2x of capacity. */
const extremeOverload: Variant = {
  name: 'critical 20 % at 6x',
  spec: { ...loadedPool(6, minute), classes: prioritized(20, 80) },
  judge(evidence) {
    const share = (100 * evidence.answered(phase, 'critical')) / evidence.capacity(phase)
    return goodputVerdict(Math.min(100, share), 95, 95)
  },
}

export const priority: Scenario = {
  id: 25,
  title: 'Priority: critical 20 %, sheddable 80 %',
  variants: [modestOverload, extremeOverload],
}

const lowFloorPercent = 3

export const starvation: Scenario = {
  id: 27,
  title: 'Starvation: endless critical at 0.95x',
  variants: [
    {
      name: 'low priority at 0.5x beside it',
      spec: { ...loadedPool(1.45, minute), classes: prioritized(0.95, 0.5) },
      judge(evidence) {
        const lowPercent = (100 * evidence.answered(phase, 'low')) / evidence.capacity(phase)
        const critical = evidence.servedShare(phase, 'critical')
        const goodput = evidence.goodput(phase)
        const pass = lowPercent >= lowFloorPercent
        return {
          score: Math.min(goodput, atLeast(lowPercent, lowFloorPercent)),
          pass,
          moonshot: pass,
          figures: { lowPercent, critical, goodput },
        }
      },
    },
  ],
}

const quietTenants = 9

function tenants(): CallClass[] {
  const [base] = pool().classes
  const noisy = { ...base!, name: 'noisy', partition: 'noisy', weight: 90 }
  const others = Array.from({ length: quietTenants }, (_, index) => ({
    ...base!,
    name: `tenant-${index + 1}`,
    partition: `tenant-${index + 1}`,
    weight: 10 / quietTenants,
  }))
  return [noisy, ...others]
}

export const noisyTenant: Scenario = {
  id: 28,
  title: 'Noisy tenant sends 90 % of the traffic',
  variants: [
    {
      name: '10 tenants at 3x',
      spec: { ...loadedPool(3, minute), classes: tenants() },
      judge(evidence) {
        const arrived = evidence.arrived(phase) - evidence.arrived(phase, 'noisy')
        const served = evidence.served(phase) - evidence.served(phase, 'noisy')
        const goodput = evidence.goodput(phase)
        return goodputVerdict((100 * served) / arrived, 95, 99, { goodput })
      },
    },
  ],
}

import type { Evidence, Phase } from '../evidence.ts'
import type { Scenario } from '../scenario.ts'
import type { Verdict } from '../score.ts'
import { atMost, goodputVerdict } from '../score.ts'
import { loadedPool, minute, normalLoad, pool, second } from './common.ts'

const usl = { kind: 'usl', sigma: 0.01, kappa: 0.0008 } as const
/** Peak of that downstream with 20 ms calls. */
const uslPeak = 763

export const contendedDatabase: Scenario = {
  id: 12,
  title: 'Contended database (USL) 3x',
  variants: [
    {
      name: 'sigma 0.01, kappa 0.0008',
      spec: {
        durationMs: minute,
        downstream: usl,
        classes: pool().classes,
        perSecond: 3 * uslPeak,
      },
      judge(evidence) {
        const phase = { from: 10 * second, to: minute }
        const goodput = evidence.goodput(phase)
        const limitToKnee = evidence.meanLimit(phase) / evidence.knee(phase).concurrency
        return goodputVerdict(goodput, 92, 97, { limitToKnee })
      },
    },
  ],
}

const failsAt = 30 * second
const worksAt: number = failsAt + 30 * second
const before: Phase = { from: 10 * second, to: failsAt }
const afterwards: Phase = { from: worksAt, to: worksAt + 20 * second }

function judgeHang(evidence: Evidence): Verdict {
  const hanging: Phase = { from: failsAt + 5 * second, to: worksAt }
  const insideRatio = evidence.meanInside(hanging) / evidence.meanInside(before)
  const recoveredMs = evidence.settledAfter(afterwards, 90, second)
  const goodputAfter = evidence.goodput(afterwards)
  const refusalWaitMs = evidence.record.refusalWait.percentile(hanging.from, hanging.to, 0.99)
  const holds = insideRatio <= 0.2
  return {
    score: Math.min(goodputAfter, atMost(insideRatio, 0.2)),
    pass: holds && recoveredMs <= 3 * second,
    moonshot: holds && recoveredMs <= second,
    figures: { insideRatio, recoveredMs, goodputAfter, refusalWaitMs },
  }
}

export const hang: Scenario = {
  id: 15,
  title: 'Database hangs 30 s',
  variants: [
    {
      name: `black hole, timeout 1 s, ${normalLoad}x`,
      spec: {
        ...loadedPool(normalLoad, afterwards.to),
        downstream: { ...pool().downstream, timeoutMs: 1000 },
        changes: [
          { at: failsAt, mode: 'hung' },
          { at: worksAt, mode: 'up' },
        ],
      },
      judge: judgeHang,
    },
  ],
}

function judgeCrash(evidence: Evidence): Verdict {
  const healthy = evidence.meanLimit(before)
  const crashed: Phase = { from: worksAt - second, to: worksAt }
  const limitChange = evidence.meanLimit(crashed) / healthy
  const firstSeconds: Phase = { from: worksAt, to: worksAt + 5 * second }
  const perSecond = evidence.submittedPerSecond(firstSeconds)
  const overshoot = perSecond / evidence.knee(firstSeconds).perSecond
  const goodputAfter = evidence.goodput(afterwards)
  const change = Math.max(limitChange, 1 / limitChange)
  const pass = limitChange >= 0.8 && limitChange <= 1.2 && overshoot <= 1.2
  return {
    score: Math.min(goodputAfter, atMost(change, 1.25), atMost(overshoot, 1.2)),
    pass,
    moonshot: pass,
    figures: { limitChange, overshoot, goodputAfter },
  }
}

/** Overloaded before and after, or nothing would bound the limit. */
export const crash: Scenario = {
  id: 16,
  title: 'Database refuses instantly 30 s',
  variants: [
    {
      name: 'crash at 1.5x',
      spec: {
        ...loadedPool(1.5, afterwards.to),
        changes: [
          { at: failsAt, mode: 'down' },
          { at: worksAt, mode: 'up' },
        ],
      },
      judge: judgeCrash,
    },
  ],
}

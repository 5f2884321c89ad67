import type { Answer } from './call.ts'
import { Call } from './call.ts'
import { makeDownstream } from './downstream/make-downstream.ts'
import { EventQueue } from './event-queue.ts'
import { Lognormal, Random } from './random.ts'
import type { CallClass, DownstreamSpec, WorldSpec } from './world-spec.ts'
import { defaultDeadlineMs, valueAt } from './world-spec.ts'

/** The most a downstream can do, and how many calls at once that takes. */
export interface Knee {
  /** Calls answered within the deadline per second. */
  readonly perSecond: number
  /** The fewest calls at once that come within half a percent of it. */
  readonly concurrency: number
  /** Mean work of a call, in milliseconds. */
  readonly meanMs: number
}

/** A downstream in one state, with the mix of calls it gets then. */
interface State {
  readonly downstream: DownstreamSpec
  readonly classes: readonly FixedClass[]
  readonly deadlineMs: number
}

interface FixedClass {
  readonly weight: number
  readonly serviceMs: number
  readonly cv: number
}

const calls = 20_000
const warmupCalls = 2000
const tolerance = 0.995
const steps: readonly number[] = [
  0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.3, 1.5, 2,
]

const cache = new Map<string, Knee>()

/** Measures what the world's downstream can do at a moment, by saturating it at each concurrency. */
export function kneeAt(spec: WorldSpec, nowMs: number, capacity?: number): Knee {
  const state = stateAt(spec, nowMs, capacity)
  const key = JSON.stringify(state)
  const known = cache.get(key)
  if (known !== undefined) return known
  const knee = measureKnee(state)
  cache.set(key, knee)
  return knee
}

function stateAt(spec: WorldSpec, nowMs: number, capacity: number | undefined): State {
  const slowdown = valueAt(spec.slowdown ?? 1, nowMs)
  return {
    downstream: withCapacity(spec.downstream, capacity),
    classes: spec.classes.map((callClass) => fixClass(callClass, slowdown, nowMs)),
    deadlineMs: spec.deadlineMs ?? defaultDeadlineMs,
  }
}

function fixClass(callClass: CallClass, slowdown: number, nowMs: number): FixedClass {
  return {
    weight: valueAt(callClass.weight, nowMs),
    serviceMs: callClass.serviceMs * slowdown * valueAt(callClass.slowdown ?? 1, nowMs),
    cv: callClass.cv,
  }
}

function withCapacity(spec: DownstreamSpec, capacity: number | undefined): DownstreamSpec {
  if (capacity === undefined || spec.kind === 'usl') return spec
  return spec.kind === 'pool' ? { ...spec, connections: capacity } : { ...spec, cores: capacity }
}

function guess(spec: DownstreamSpec): number {
  if (spec.kind === 'pool') return spec.connections
  if (spec.kind === 'sharing') return spec.cores
  return Math.sqrt((1 - spec.sigma) / spec.kappa)
}

function measureKnee(state: State): Knee {
  const about = guess(state.downstream)
  const candidates = new Set(steps.map((step) => Math.max(1, Math.round(about * step))))
  const measured = [...candidates].map((concurrency) => ({
    concurrency,
    perSecond: saturatedThroughput(state, concurrency),
  }))
  const perSecond = Math.max(...measured.map((one) => one.perSecond))
  const enough = measured.filter((one) => one.perSecond >= tolerance * perSecond)
  const concurrency = Math.min(...enough.map((one) => one.concurrency))
  return { perSecond, concurrency, meanMs: meanOf(state.classes) }
}

function meanOf(classes: readonly FixedClass[]): number {
  let weights = 0
  let work = 0
  for (const { weight, serviceMs } of classes) {
    weights += weight
    work += weight * serviceMs
  }
  return work / weights
}

/**
 * Calls per second answered in time when `concurrency` callers each send the next call as soon as
 * the last one is answered. Scaled by the work that was really drawn, which takes out most of the
 * noise (a control variate).
 */
export function saturatedThroughput(state: State, concurrency: number): number {
  const queue = new EventQueue()
  const random = new Random(1, 5)
  const sample = sampler(state.classes, random)
  let done = 0
  let inTime = 0
  let since = 0
  let work = 0
  const downstream = makeDownstream(state.downstream, queue, { answered: finished })

  function finished(call: Call): void {
    done += 1
    if (done === warmupCalls) since = queue.now
    if (done > warmupCalls) count(call.answer, call)
    if (done < calls) send()
  }

  function count(answer: Answer, call: Call): void {
    work += call.demandMs
    if (answer === 'ok' && queue.now - call.submittedAt <= state.deadlineMs) inTime += 1
  }

  function send(): void {
    downstream.submit(new Call(queue.now, queue.now, 0, {}, sample(), 0))
  }

  for (let caller = 0; caller < concurrency; caller += 1) send()
  let end = 0
  while (done < calls) {
    end += 1000
    queue.runUntil(Math.min(end, queue.peek()?.at ?? end))
  }
  const elapsed = queue.now - since
  const drawn = work / (calls - warmupCalls)
  return ((inTime * 1000) / elapsed) * (drawn / meanOf(state.classes))
}

function sampler(classes: readonly FixedClass[], random: Random): () => number {
  const weights = classes.map(({ weight }) => weight)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const services = classes.map(({ serviceMs, cv }) => new Lognormal(serviceMs, cv))
  return () => {
    let left = random.uniform() * total
    let index = 0
    while (index < services.length - 1 && left >= weights[index]!) {
      left -= weights[index]!
      index += 1
    }
    return services[index]!.sample(random)
  }
}

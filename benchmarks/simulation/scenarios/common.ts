import type { CallClass, PoolSpec, Varying, WorldSpec } from '../world-spec.ts'

export const second = 1000
export const minute: number = 60 * second

/** Share of capacity at which a healthy service runs. */
export const normalLoad = 0.7

export interface PoolOptions {
  readonly connections?: number
  readonly serviceMs?: number
  readonly cv?: number
}

export interface PoolWorld {
  readonly downstream: PoolSpec
  readonly classes: readonly CallClass[]
  /** Calls per second that a load of 1 means. */
  readonly capacity: number
}

/** The scoreboard's downstream unless told otherwise: 20 connections, 20 ms, CV 0.7. */
export function pool(options: PoolOptions = {}): PoolWorld {
  const { connections = 20, serviceMs = 20, cv = 0.7 } = options
  return {
    downstream: { kind: 'pool', connections },
    classes: [{ name: 'all', weight: 1, serviceMs, cv }],
    capacity: (connections * 1000) / serviceMs,
  }
}

/** A pool under a steady load, relative to its capacity. */
export function loadedPool(load: number, durationMs: number, options: PoolOptions = {}): WorldSpec {
  const { downstream, classes, capacity } = pool(options)
  return { durationMs, downstream, classes, perSecond: load * capacity }
}

/** `before` until `from`, `during` until `to`, then `before` again. */
export function between(from: number, to: number, during: number, before = 1): Varying {
  return (now) => (now >= from && now < to ? during : before)
}

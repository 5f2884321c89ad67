import type { LimitFactory } from '@spillway/core'
import type { Call, CallStage, Fate } from './call.ts'
import { Clients } from './clients.ts'
import type { Downstream } from './downstream/downstream.ts'
import { makeDownstream } from './downstream/make-downstream.ts'
import { EventQueue, Moment } from './event-queue.ts'
import type { Surroundings } from './instance.ts'
import { Instance } from './instance.ts'
import { Random } from './random.ts'
import { binMs, Recorder } from './recorder.ts'
import type { Upset, WorldSpec } from './world-spec.ts'

export interface WorldOptions {
  readonly seed: number
  /** A limit for one instance; told how many instances share the downstream. */
  readonly limit: LimitFactory
  /** Calls that may wait per limiter; undefined: the limiter's default. */
  readonly maxQueue?: number | undefined
  /** Called in the middle of every bin, for a trace. */
  readonly onBin?: (world: World) => void
}

/** Long enough for the last calls to end after the last client has come. */
const drainMs = 120_000

/** One service, its clients and what is behind it, in virtual time. */
export class World implements Surroundings {
  readonly queue = new EventQueue()
  readonly downstream: Downstream
  readonly recorder: Recorder
  readonly spec: WorldSpec
  /** The running process of each slot; undefined while none is. */
  readonly instances: (Instance | undefined)[]
  readonly #retired: Instance[] = []
  readonly #options: WorldOptions
  readonly #clients: Clients
  readonly #random: Random
  readonly #leaving: CallStage = {
    reached: (call) => {
      ;(call.owner as Instance).hungUp(call)
    },
  }

  constructor(spec: WorldSpec, options: WorldOptions) {
    const count = spec.instances ?? 1
    this.spec = spec
    this.#options = options
    this.#random = new Random(options.seed, 4)
    this.recorder = new Recorder(spec.durationMs, spec.classes.length, count)
    this.downstream = makeDownstream(spec.downstream, this.queue, {
      answered: (call) => {
        ;(call.owner as Instance).receive(call)
      },
    })
    this.instances = Array.from({ length: count })
    this.#clients = new Clients(this.queue, spec, options.seed, (call) => {
      this.#send(call)
    })
  }

  /** Runs to the end and until the last call has ended. @throws when a call or permit got lost */
  async run(): Promise<Recorder> {
    this.#planInstances()
    for (const change of this.spec.changes ?? []) {
      this.#at(change.at, () => {
        if (change.capacity !== undefined) this.downstream.setCapacity(change.capacity)
        if (change.mode !== undefined) this.downstream.setMode(change.mode)
      })
    }
    for (const upset of this.spec.upsets ?? []) {
      this.#at(upset.at, () => {
        this.#upset(upset)
      })
    }
    this.#sampleEveryBin()
    this.#clients.start()
    while (this.queue.runUntil(this.spec.durationMs + drainMs) === 'paused') await Promise.resolve()
    this.#checkConservation()
    return this.recorder
  }

  went(call: Call): void {
    this.recorder.went(call, this.queue.now)
    if (this.spec.cancelsAtDeadline !== true) return
    this.#at(leavesAt(call), () => {
      this.downstream.cancel(call)
    })
  }

  /** A waiting call has no other event to wait for: it is its own reminder that its client leaves. */
  queued(call: Call): void {
    if (call.giveUp !== undefined) return
    call.stage = this.#leaving
    this.queue.schedule(call, leavesAt(call))
  }

  ended(call: Call, claimed: Fate): void {
    const { now } = this.queue
    const isLate = call.abandoned || now > leavesAt(call)
    const fate = claimed === 'good' && isLate ? 'late' : claimed
    if (call.giveUp !== undefined) this.queue.cancel(call.giveUp)
    this.recorder.ended(call, fate, now, (call.owner as Instance | undefined)?.slot)
    const wantsMore = fate === 'refused' || fate === 'failed'
    if (wantsMore && !call.abandoned && call.retriesLeft > 0) this.#clients.retry(call)
  }

  #at(at: number, run: () => void): void {
    this.queue.schedule(new Moment(run), at)
  }

  #planInstances(): void {
    for (let slot = 0; slot < this.instances.length; slot += 1) {
      const startAt = this.spec.startsAt?.[slot] ?? 0
      if (startAt === 0) this.#launch(slot)
      else this.#at(startAt, () => this.#launch(slot))
    }
  }

  #launch(slot: number): void {
    const error = this.spec.wallErrorMs ?? 0
    this.instances[slot] = new Instance(this, {
      slot,
      limit: this.#options.limit,
      maxQueue: this.#options.maxQueue,
      monotonicOriginMs: Math.floor(this.#random.uniform() * 1e7),
      wallOffsetMs: (2 * this.#random.uniform() - 1) * error,
    })
  }

  #send(call: Call): void {
    this.recorder.came(call)
    if (call.retriesLeft > 0) this.#planGiveUp(call)
    const running = this.#pickInstance()
    if (running === undefined) this.ended(call, 'failed')
    else running.receive(call)
  }

  /** A balancer that knows who is up and nothing else. */
  #pickInstance(): Instance | undefined {
    const { instances } = this
    if (instances.length === 1) return instances[0]
    for (let tries = 0; tries < 1000; tries += 1) {
      const picked = instances[Math.floor(this.#random.uniform() * instances.length)]
      if (picked !== undefined) return picked
    }
    return undefined
  }

  #planGiveUp(call: Call): void {
    const event = new Moment(() => {
      const isFirst = !call.abandoned
      call.abandoned = true
      ;(call.owner as Instance | undefined)?.hungUp(call, event)
      if (isFirst) this.#clients.retry(call)
    })
    call.giveUp = event
    this.queue.schedule(event, leavesAt(call))
  }

  #upset(upset: Upset): void {
    if (upset.kind === 'restart') {
      this.#restart(upset.instance, upset.forMs)
      return
    }
    for (const instance of this.instances) {
      if (instance === undefined) continue
      if (upset.kind === 'stall') instance.stall(upset.forMs)
      if (upset.kind === 'wallJump') instance.clock.jumpWall(upset.byMs)
      if (upset.kind === 'wallRate') instance.clock.slewWall(upset.rate)
    }
  }

  #restart(slot: number, forMs: number): void {
    const old = this.instances[slot]
    if (old !== undefined) this.#retired.push(old)
    this.instances[slot] = undefined
    this.#at(this.queue.now + forMs, () => this.#launch(slot))
  }

  #sampleEveryBin(): void {
    let bin = 0
    const sample = (): void => {
      this.#sample(bin)
      this.#options.onBin?.(this)
      bin += 1
      if (bin * binMs < this.spec.durationMs) this.queue.schedule(event, (bin + 0.5) * binMs)
    }
    const event = new Moment(sample)
    this.queue.schedule(event, 0.5 * binMs)
  }

  #sample(bin: number): void {
    const { levels } = this.recorder
    levels.inside[bin] = this.downstream.inside
    for (let slot = 0; slot < this.instances.length; slot += 1) {
      const instance = this.instances[slot]
      if (instance === undefined) continue
      levels.limits[slot]![bin] = instance.limit.current
      levels.limit[bin]! += instance.limit.current
    }
  }

  #checkConservation(): void {
    const { fates, attemptCount } = this.recorder
    const ended = fates.good + fates.late + fates.refused + fates.failed
    const all = [...this.#retired, ...this.instances.filter((one) => one !== undefined)]
    let held = 0
    let waiting = 0
    for (const { limiter } of all) {
      held += limiter.inFlight
      waiting += limiter.queued
    }
    const { inside } = this.downstream
    if (ended === attemptCount && held === 0 && waiting === 0 && inside === 0) return
    throw new Error(
      `Lost something: ${attemptCount} calls came and ${ended} ended; ` +
        `${held} permits, ${waiting} waiters and ${inside} calls inside are left`,
    )
  }
}

/** Every call of the clients names a deadline. */
function leavesAt({ arrivedAt, options }: Call): number {
  return arrivedAt + options.deadlineMs!
}

import type { LoadShedder, Mode, Priority } from '@spillway/core'
import { createLoadShedder, priorities } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import { expect, onTestFinished, test } from 'vitest'
import { FakeProcess } from './fake-process.ts'

/** A process whose requests come through its load shedder, and keep its only thread. */
class Service {
  readonly clock = new ManualClock()
  readonly process = new FakeProcess()
  readonly shedder: LoadShedder
  answered = 0
  refused = 0

  constructor(mode: Mode = 'enforce') {
    const { clock, process } = this
    this.shedder = createLoadShedder({ clock, process, mode, signals: [] })
    onTestFinished(() => {
      this.shedder.close()
    })
  }

  /** A request that has come; its handler takes so long. */
  request(workMs: number, priority: Priority = 'default', deadlineMs?: number): void {
    if (this.shedder.decide(priority) !== undefined) return
    const run = (): void => {
      this.answered += 1
      this.#work(workMs)
    }
    if (this.shedder.mayRun()) {
      run()
      return
    }
    const refused = (): void => void (this.refused += 1)
    const answer = this.shedder.enter({ priority, deadlineMs }, { run, refused })
    if (answer?.kind === 'refusal') refused()
  }

  /** The loop turns until a second has passed; so many requests come in each turn. */
  second(perTurn: number, workMs: number, priority?: Priority): void {
    const until = this.clock.now() + 1000
    while (this.clock.now() < until) {
      for (let request = 0; request < perTurn; request += 1) this.request(workMs, priority)
      this.clock.advance(this.process.polled() || perTurn > 0 ? 0.1 : 1)
    }
  }

  #work(ms: number): void {
    this.process.cpu += ms
    this.process.active += ms
    this.clock.block(ms)
  }
}

const total = (counts: Readonly<Record<Priority, number>>): number =>
  priorities.reduce((sum, priority) => sum + counts[priority], 0)

test('what the run queue refuses counts in the pressure and among the refused', () => {
  const service = new Service()
  for (let seconds = 0; seconds < 6; seconds += 1) service.second(3, 10)
  const { pressure, refused, admitted, runQueue, signals } = service.shedder.stats()
  expect(service.refused).toBeGreaterThan(100)
  expect(total(refused)).toBe(service.refused)
  expect(total(admitted)).toBe(service.answered)
  expect(pressure).toBeGreaterThan(0.9)
  expect(service.shedder.pressure).toBe(pressure)
  expect(runQueue.pressure).toBe(pressure)
  expect(signals).toEqual({})
})

test('each request is counted once, where its importance says', () => {
  const service = new Service()
  const asked = priorities.map((priority, index) => {
    for (let request = 0; request <= 50 * index; request += 1) {
      service.request(20, priority, priority === 'low' ? 30 : undefined)
    }
    return 50 * index + 1
  })
  for (let turn = 0; turn < 1000; turn += 1) {
    service.process.polled()
    service.clock.advance(1)
  }
  const { refused, admitted } = service.shedder.stats()
  expect(priorities.map((one) => refused[one] + admitted[one])).toEqual(asked)
  expect(refused.low).toBeGreaterThan(refused.default)
})

test('the pressure is gone soon after the overload', () => {
  const service = new Service()
  for (let seconds = 0; seconds < 3; seconds += 1) service.second(3, 10)
  for (let seconds = 0; seconds < 4; seconds += 1) service.second(0, 0)
  expect(service.shedder.pressure).toBeLessThan(0.05)
})

test('a process that is busy, and lets nobody wait for long, is under little pressure', () => {
  const service = new Service()
  for (let seconds = 0; seconds < 4; seconds += 1) service.second(1, 5)
  expect(service.refused).toBe(0)
  expect(service.shedder.pressure).toBeLessThan(0.1)
})

test('a stranger who has no time does not make an idle process look overloaded', () => {
  const service = new Service()
  for (let round = 0; round < 30; round += 1) {
    for (let request = 0; request < 5; request += 1) service.request(5, 'default', 1)
    while (service.process.polled());
    service.clock.advance(200)
  }
  expect(service.refused).toBeGreaterThan(10)
  expect(service.shedder.pressure).toBeLessThan(0.25)
})

test('it refuses nobody by itself: signals do, and the queue whom there is no time for', () => {
  const service = new Service()
  for (let seconds = 0; seconds < 4; seconds += 1) service.second(3, 10)
  expect(priorities.map((priority) => service.shedder.decide(priority))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})

test.each(['observe', 'off'] as const)('nobody waits, so nothing is told of it, in %s', (mode) => {
  const service = new Service(mode)
  for (let seconds = 0; seconds < 3; seconds += 1) service.second(3, 10)
  const { refused, runQueue } = service.shedder.stats()
  expect([total(refused), runQueue.pressure, service.refused]).toEqual([0, 0, 0])
})

test('the pressure before a standstill is no news after it', () => {
  const service = new Service()
  service.process.active += 8000
  service.clock.freeze(8000)
  expect(service.shedder.stats()).toMatchObject({ frozen: 1, pressure: 0 })
})

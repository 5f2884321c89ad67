import type { Priority, Refusal, Waiting } from '@spillway/core'
import { priorities } from '@spillway/core'
import { ManualClock } from '@spillway/test-support'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RunQueue } from '../../src/pressure/run-queue.ts'
import { FakeProcess } from './fake-process.ts'

/** A process with requests that keep its only thread for some time each. */
class Loop {
  readonly clock = new ManualClock()
  readonly process = new FakeProcess()
  readonly queue = new RunQueue({
    name: 'process',
    mode: 'enforce',
    clock: this.clock,
    process: this.process,
  })
  readonly ran: string[] = []
  readonly refused: string[] = []

  /** One request that the loop has read just now. */
  read(
    name: string,
    workMs: number,
    priority: Priority = 'default',
    deadlineMs?: number,
  ): Waiting | undefined {
    const run = (): void => {
      this.ran.push(name)
      this.clock.block(workMs)
    }
    if (this.queue.mayRun(this.clock.now())) {
      run()
      return undefined
    }
    const refused = (refusal: Refusal): void => void this.refused.push(`${name} ${refusal.reason}`)
    const answer = this.queue.enter({ priority, deadlineMs }, { run, refused })
    if (answer?.kind === 'refusal') refused(answer)
    return answer?.kind === 'waiting' ? answer : undefined
  }

  /** Turns in which nobody comes, until the queue no longer wants to know. Returns how many. */
  settle(): number {
    let turns = 0
    while (this.process.polled()) {
      turns += 1
      if (turns > 1000) throw new Error('The loop spins')
    }
    return turns
  }

  get isIdle(): boolean {
    const { queued, inFlight } = this.queue.stats()
    return queued === 0 && inFlight === 0
  }
}

/** A slice of time is over: from now on, everybody waits until all have been read. */
function busyLoop(): Loop {
  const loop = new Loop()
  loop.read('first', 50)
  loop.process.polled()
  return loop
}

describe('a run queue', () => {
  test('runs every request at once while they do not keep the loop', () => {
    const loop = new Loop()
    for (let turn = 0; turn < 100; turn += 1) {
      for (const name of ['a', 'b', 'c']) loop.read(name, 1)
      expect(loop.settle()).toBe(1)
    }
    expect(loop.ran).toHaveLength(300)
    expect(loop.queue.stats().admitted.default).toBe(0)
  })

  test('lets a request wait that finds others have kept the loop for a slice of time', () => {
    const loop = new Loop()
    for (const name of ['a', 'b', 'c']) loop.read(name, 6)
    expect(loop.ran).toEqual(['a', 'b'])
    loop.settle()
    expect(loop.ran).toEqual(['a', 'b', 'c'])
    expect(loop.isIdle).toBe(true)
  })

  test('reads all who have come, one a turn, before it runs the most important of them', () => {
    const loop = busyLoop()
    for (const priority of ['low', 'default', 'critical'] as const) {
      loop.read(priority, 50, priority)
      loop.process.polled()
    }
    expect(loop.ran).toEqual(['first'])
    loop.settle()
    expect(loop.ran).toEqual(['first', 'critical', 'default', 'low'])
    expect(loop.isIdle).toBe(true)
  })

  test('reads for no longer than it has run, however many come', () => {
    const loop = busyLoop()
    for (let turn = 0; turn < 30; turn += 1) {
      loop.read(`${turn}`, 50)
      loop.clock.block(2)
      loop.process.polled()
    }
    expect(loop.ran).toHaveLength(2)
  })

  test('runs more at a time the less they take', () => {
    const loop = busyLoop()
    for (let name = 0; name < 60; name += 1) loop.read(`${name}`, 1)
    const atATime: number[] = []
    for (let before = loop.ran.length; loop.process.polled(); before = loop.ran.length) {
      if (loop.ran.length > before) atATime.push(loop.ran.length - before)
    }
    expect(atATime.slice(0, 5)).toEqual([1, 2, 4, 8, 10])
    expect(loop.ran).toHaveLength(61)
  })

  test('refuses at once who would wait in vain, and lets the others wait', () => {
    const loop = busyLoop()
    for (const name of ['a', 'b', 'c']) loop.read(name, 50)
    loop.settle()
    loop.read('again', 50)
    loop.process.polled()
    for (let name = 0; name < 40; name += 1) loop.read(`${name}`, 50, 'default', 1000)
    // Fifty milliseconds each: eighteen of them can be answered, and some more may be.
    expect(loop.queue.stats().queued).toBeGreaterThan(15)
    expect(loop.queue.stats().queued).toBeLessThan(26)
    expect(new Set(loop.refused.map((text) => text.split(' ')[1]))).toEqual(
      new Set(['estimated_wait']),
    )
    loop.settle()
    expect(loop.isIdle).toBe(true)
  })

  test('does not run who has left', () => {
    const loop = busyLoop()
    const place = loop.read('gone', 10)
    loop.read('here', 10)
    place?.cancel()
    loop.settle()
    expect(loop.ran).toEqual(['first', 'here'])
    expect(loop.refused).toEqual(['gone cancelled'])
  })

  test('takes eight seconds of standstill for nothing that a request took', () => {
    const loop = busyLoop()
    loop.read('stopped', 8000)
    for (let turn = 0; turn < 3; turn += 1) loop.process.polled()
    expect(loop.ran).toEqual(['first', 'stopped'])
    loop.queue.woke(loop.clock.now())
    for (let name = 0; name < 7; name += 1) loop.read(`${name}`, 10, 'default', 1000)
    loop.settle()
    expect(loop.refused).toEqual([])
    expect(loop.ran).toHaveLength(9)
  })

  test.each(['observe', 'off'] as const)('lets everybody run when it is set to %s', (mode) => {
    const loop = busyLoop()
    loop.read('waiting', 10)
    loop.queue.mode = mode
    loop.read('late', 10)
    expect(loop.ran).toEqual(['first', 'waiting', 'late'])
    loop.settle()
    expect(loop.isIdle).toBe(true)
  })

  test('runs at once who enters although nothing is enforced', () => {
    const loop = busyLoop()
    loop.queue.mode = 'off'
    const run = (): void => void loop.ran.push('entered')
    expect(loop.queue.enter({}, { run, refused: () => undefined })).toBeUndefined()
    expect(loop.ran).toEqual(['first', 'entered'])
    loop.settle()
    expect(loop.isIdle).toBe(true)
  })

  test('runs whoever waits when it is closed', () => {
    const loop = busyLoop()
    loop.read('waiting', 10)
    loop.queue.close()
    expect(loop.ran).toEqual(['first', 'waiting'])
    expect(loop.clock.pendingTimers).toBe(0)
  })
})

const action = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      workMs: fc.constantFrom(0, 0.1, 1, 4, 12, 60, 400),
      priority: fc.constantFrom(...priorities),
      deadlineMs: fc.constantFrom(undefined, 50, 1000),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'polled' } as const) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), pick: fc.nat(50) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'woke' } as const) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(300) }),
  },
)

test('whatever happens: everybody runs once or is refused once, and the loop comes to rest', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120, size: 'max' }), (actions) => {
      const loop = new Loop()
      const places: (Waiting | undefined)[] = []
      let read = 0
      for (const one of actions) {
        if (one.kind === 'read') {
          places.push(loop.read(`${read}`, one.workMs, one.priority, one.deadlineMs))
          read += 1
        } else if (one.kind === 'polled') loop.process.polled()
        else if (one.kind === 'cancel') places[one.pick]?.cancel()
        else if (one.kind === 'woke') loop.queue.woke(loop.clock.now())
        else loop.clock.advance(one.ms)
      }
      loop.settle()
      loop.clock.advance(2000)
      expect(loop.isIdle).toBe(true)
      expect(loop.clock.pendingTimers).toBe(0)
      const names = [...loop.ran, ...loop.refused.map((text) => text.split(' ')[0]!)]
      expect(names.toSorted()).toEqual(
        Array.from({ length: read }, (_, name) => `${name}`).toSorted(),
      )
    }),
    { numRuns: 300 },
  )
})

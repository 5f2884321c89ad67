import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { BreakerChanged } from '../src/index.ts'
import { breakerChannels, breakerError } from '../src/index.ts'
import { admitAll, call, makeWorld, pass, trip } from './world.ts'

describe('closed', () => {
  test('opens when more than half of at least ten calls has failed', () => {
    const { breaker, changes } = makeWorld()
    call(breaker, 'success', 5)
    call(breaker, 'failure', 5)
    expect(breaker.state).toBe('closed')
    expect(breaker.stats().failureRatio).toBe(0.5)
    call(breaker, 'failure')
    expect(breaker.state).toBe('open')
    expect(changes).toEqual([{ breaker: 'db', from: 'closed', to: 'open', reason: 'failures' }])
  })

  test('does not judge fewer calls than the minimum', () => {
    const { breaker } = makeWorld()
    call(breaker, 'failure', 9)
    expect(breaker.state).toBe('closed')
    call(breaker, 'failure')
    expect(breaker.state).toBe('open')
  })

  test('forgets what is older than the window, by timestamps alone', () => {
    const { breaker, clock } = makeWorld()
    call(breaker, 'failure', 9)
    clock.advance(1000)
    expect(breaker.stats().failureRatio).toBe(0)
    call(breaker, 'failure', 9)
    expect(breaker.state).toBe('closed')
    expect(clock.pendingTimers).toBe(0)
  })

  test('keeps what is younger, also when buckets have turned', () => {
    const { breaker, clock } = makeWorld()
    call(breaker, 'failure', 9)
    clock.advance(899)
    call(breaker, 'failure')
    expect(breaker.state).toBe('open')
  })

  test('calls in flight, ignored and refused count for nothing', () => {
    const { breaker } = makeWorld()
    admitAll(breaker, 100)
    call(breaker, 'ignored', 100)
    call(breaker, 'failure', 9)
    expect(breaker.state).toBe('closed')
    expect(breaker.stats()).toMatchObject({ inFlight: 100, ignored: 100, failures: 9 })
    call(breaker, 'failure')
    expect(breaker.state).toBe('open')
  })

  test('a failureRatio of 1 never opens it', () => {
    const { breaker } = makeWorld({ failureRatio: 1 })
    call(breaker, 'failure', 100)
    expect(breaker.state).toBe('closed')
  })

  test('slow calls do not count unless asked for', () => {
    const { breaker, clock } = makeWorld()
    for (let made = 0; made < 20; made += 1) {
      const slow = pass(breaker)
      clock.advance(9000)
      slow.end('success')
    }
    expect(breaker.state).toBe('closed')
  })

  test('opens when more than slowCallRatio was slow, whatever came of it', () => {
    const { breaker, clock, changes } = makeWorld({ slowCallMs: 20, slowCallRatio: 0.5 })
    const calls = admitAll(breaker, 11)
    clock.advance(20)
    for (const fast of calls.splice(0, 5)) fast.end('success')
    clock.advance(1)
    for (const slow of calls.splice(0, 5)) slow.end('success')
    expect(breaker.state).toBe('closed')
    calls[0]!.end('failure')
    expect(changes.map(({ reason }) => reason)).toEqual(['slow_calls'])
  })

  test('a pass ends once', () => {
    const { breaker } = makeWorld()
    const twice = pass(breaker)
    twice.end('success')
    twice.end('failure')
    expect(breaker.stats()).toMatchObject({ inFlight: 0, successes: 1, failures: 0 })
  })

  test.each(['failed', '', undefined, 5])('a pass ends, ignored, with the outcome %j', (word) => {
    const { breaker } = makeWorld()
    const ended = pass(breaker)
    expect(() => ended.end(word as never)).toThrow('Expected `outcome` to be one of ')
    ended.end('failure')
    expect(breaker.stats()).toMatchObject({ inFlight: 0, ignored: 1, failures: 0 })
  })
})

describe('open', () => {
  test('refuses until its time is over, and says when', () => {
    const world = makeWorld()
    const { breaker, clock } = world
    trip(world)
    expect(breaker.wouldRefuse()).toEqual({
      kind: 'refusal',
      reason: 'open',
      code: 'SPW_ERR_CIRCUIT_OPEN',
      retryAfterMs: 250,
    })
    expect(breaker.stats()).toMatchObject({ refused: 0, opened: 1 })
    clock.advance(249)
    expect(breaker.admit()).toMatchObject({ kind: 'refusal', retryAfterMs: 1 })
    expect(breaker.stats().refused).toBe(1)
    clock.advance(1)
    expect(breaker.wouldRefuse()).toBeUndefined()
  })

  test('is half-open by the clock alone, without a timer and without being asked', () => {
    const world = makeWorld()
    const { breaker, clock, changes } = world
    trip(world)
    clock.advance(250)
    expect([breaker.state, changes.length, clock.pendingTimers]).toEqual(['half_open', 1, 0])
    pass(breaker)
    expect(changes[1]).toMatchObject({ from: 'open', to: 'half_open', reason: 'open_time_over' })
  })

  test('stays open longer each time a probe fails, up to the cap, and starts anew once closed', () => {
    const world = makeWorld({ openMs: 100, maxOpenMs: 500, maxProbes: 1 })
    const { breaker, clock } = world
    const openTimes: number[] = []
    const note = (): void => {
      const { retryAfterMs } = breaker.wouldRefuse()!
      openTimes.push(retryAfterMs)
      clock.advance(retryAfterMs)
    }
    trip(world)
    note()
    for (let probes = 0; probes < 4; probes += 1) {
      call(breaker, 'failure')
      note()
    }
    call(breaker, 'success')
    trip(world)
    note()
    expect(openTimes).toEqual([50, 100, 200, 250, 250, 50])
  })

  test('stragglers from before change nothing, whatever they say', () => {
    const world = makeWorld()
    const { breaker, clock, changes } = world
    const stragglers = admitAll(breaker, 40)
    trip(world)
    for (const straggler of stragglers.splice(0, 20)) straggler.end('success')
    expect(breaker.state).toBe('open')
    clock.advance(250)
    pass(breaker)
    for (const straggler of stragglers.splice(0, 10)) straggler.end('success')
    for (const straggler of stragglers.splice(0, 5)) straggler.end('failure')
    expect(breaker.state).toBe('half_open')
    breaker.close()
    for (const straggler of stragglers) straggler.end('failure')
    expect(breaker.stats()).toMatchObject({ state: 'closed', stragglers: 40, failureRatio: 0 })
    expect(changes.map(({ to }) => to)).toEqual(['open', 'half_open', 'closed'])
  })
})

describe('half-open', () => {
  function halfOpen(options = {}): ReturnType<typeof makeWorld> {
    const world = makeWorld(options)
    trip(world)
    world.clock.advance(250)
    return world
  }

  test('lets rounds of 1, 2, 4 and 8 through, then closes', () => {
    const { breaker, changes } = halfOpen()
    for (const width of [1, 2, 4, 8]) {
      const probes = admitAll(breaker, 100)
      expect(probes).toHaveLength(width)
      for (const probe of probes) probe.end('success')
    }
    expect(changes.at(-1)).toMatchObject({ from: 'half_open', to: 'closed' })
    expect(changes.at(-1)!.reason).toBe('probes_succeeded')
    expect(admitAll(breaker, 100)).toHaveLength(100)
  })

  test('closes with an empty window', () => {
    const { breaker } = halfOpen({ windowMs: 60_000 })
    call(breaker, 'success', 15)
    call(breaker, 'failure', 9)
    expect(breaker.state).toBe('closed')
  })

  test('opens again when the first probe fails', () => {
    const { breaker, changes } = halfOpen()
    call(breaker, 'failure')
    expect(changes.at(-1)).toMatchObject({ to: 'open', reason: 'probes_failed' })
    expect(breaker.wouldRefuse()!.retryAfterMs).toBe(400)
  })

  test('bears as many failures in a round as a closed circuit does, and no more', () => {
    const { breaker } = halfOpen()
    call(breaker, 'success')
    const two = admitAll(breaker, 2)
    two[0]!.end('failure')
    two[1]!.end('success')
    const four = admitAll(breaker, 4)
    expect(four).toHaveLength(4)
    for (const probe of four.slice(0, 2)) probe.end('failure')
    expect(breaker.state).toBe('half_open')
    four[2]!.end('failure')
    expect(breaker.state).toBe('open')
  })

  test('a round that fails altogether opens it, whatever the ratio', () => {
    const { breaker } = halfOpen({ failureRatio: 0.99 })
    call(breaker, 'failure')
    expect(breaker.state).toBe('open')
  })

  test('the open time counts from the latest probe, which has kept others away already', () => {
    const { breaker, clock } = halfOpen()
    const probe = pass(breaker)
    clock.advance(300)
    probe.end('failure')
    expect(breaker.wouldRefuse()!.retryAfterMs).toBe(100)
  })

  test('an ignored probe frees its place and proves nothing', () => {
    const { breaker } = halfOpen()
    for (let made = 0; made < 100; made += 1) {
      const probes = admitAll(breaker, 10)
      expect(probes).toHaveLength(1)
      probes[0]!.end('ignored')
    }
    expect(breaker.state).toBe('half_open')
    call(breaker, 'success', 15)
    expect(breaker.state).toBe('closed')
  })

  test('a probe that never ends keeps the others away for 500 ms, not for ever', () => {
    const { breaker, clock } = halfOpen()
    pass(breaker)
    clock.advance(200)
    expect(breaker.wouldRefuse()).toMatchObject({ reason: 'probing', retryAfterMs: 300 })
    clock.advance(299)
    expect(admitAll(breaker, 10)).toHaveLength(0)
    clock.advance(1)
    expect(admitAll(breaker, 10)).toHaveLength(1)
    clock.advance(500)
    call(breaker, 'success', 15)
    expect(breaker.state).toBe('closed')
  })

  test('a downstream that is slower than the interval is believed all the same', () => {
    const { breaker, clock } = halfOpen()
    const slow = pass(breaker)
    clock.advance(700)
    slow.end('success')
    expect(admitAll(breaker, 10)).toHaveLength(2)
  })

  test('a probe has no say in a later round than its own', () => {
    const { breaker, clock } = halfOpen()
    const hung = pass(breaker)
    clock.advance(500)
    const hung2 = pass(breaker)
    clock.advance(500)
    call(breaker, 'success')
    hung.end('failure')
    hung2.end('failure')
    expect(breaker.state).toBe('half_open')
    call(breaker, 'success', 14)
    expect(breaker.state).toBe('closed')
  })

  test('the last round is no wider than maxProbes', () => {
    const { breaker } = halfOpen({ maxProbes: 3 })
    const widths = [1, 2, 3].map(() => {
      const probes = admitAll(breaker, 10)
      for (const probe of probes) probe.end('success')
      return probes.length
    })
    expect(widths).toEqual([1, 2, 3])
    expect(breaker.state).toBe('closed')
  })
})

describe('by hand', () => {
  test('open holds until close', () => {
    const { breaker, clock, changes } = makeWorld()
    breaker.open()
    clock.advance(1e9)
    expect(breaker.admit()).toMatchObject({ reason: 'open', retryAfterMs: 800 })
    breaker.close()
    call(breaker, 'success')
    expect(changes.map(({ reason }) => reason)).toEqual(['manual', 'manual'])
  })

  test('doing it twice is no change', () => {
    const { breaker, changes } = makeWorld()
    breaker.close()
    breaker.open()
    breaker.open()
    expect(changes).toHaveLength(1)
    expect(breaker.stats().opened).toBe(1)
  })

  test('open holds also when the circuit was open already', () => {
    const world = makeWorld()
    trip(world)
    world.breaker.open()
    world.clock.advance(10_000)
    expect(world.breaker.state).toBe('open')
  })

  test('shutdown refuses everything and lets running calls end', () => {
    const { breaker, changes } = makeWorld({ slowCallMs: 10 })
    const running = pass(breaker)
    breaker.shutdown()
    running.end('failure')
    const refusal = breaker.wouldRefuse()!
    expect(refusal).toMatchObject({ reason: 'shutdown', code: 'SPW_ERR_CLOSED' })
    expect(breakerError(refusal)).toMatchObject({ message: 'The breaker was shut down' })
    expect(breaker.stats()).toMatchObject({ inFlight: 0, failures: 1 })
    expect(changes).toEqual([])
  })
})

describe('tripped', () => {
  test('opens a closed circuit for as long as failures do', () => {
    const { breaker, clock, changes } = makeWorld()
    breaker.trip()
    expect(changes).toEqual([{ breaker: 'db', from: 'closed', to: 'open', reason: 'tripped' }])
    clock.advance(249)
    expect(breaker.state).toBe('open')
    clock.advance(1)
    expect(breaker.state).toBe('half_open')
  })

  test('does nothing to one that is not closed, or is never to open for failures', () => {
    const { breaker, clock, changes } = makeWorld()
    breaker.open()
    breaker.trip()
    clock.advance(100_000)
    expect(breaker.state).toBe('open')
    expect(changes).toHaveLength(1)
    const never = makeWorld({ failureRatio: 1 })
    never.breaker.trip()
    expect(never.breaker.state).toBe('closed')
  })
})

describe('who listens', () => {
  test('is told until he has enough, and once for each time he asked', () => {
    const { breaker } = makeWorld()
    const heard: string[] = []
    const listener = ({ to }: { to: string }): void => {
      heard.push(to)
    }
    const stop = breaker.onStateChange(listener)
    breaker.onStateChange(listener)
    breaker.open()
    stop()
    stop()
    breaker.close()
    expect(heard).toEqual(['open', 'open', 'closed'])
    expect(() => breaker.onStateChange(1 as never)).toThrow('Expected `listener` to be a function')
  })

  test('sees the state that he is told of', () => {
    const { breaker } = makeWorld()
    const seen: string[] = []
    breaker.onStateChange(() => seen.push(breaker.state))
    breaker.open()
    breaker.close()
    expect(seen).toEqual(['open', 'closed'])
  })

  test('and throws does not harm the call that opened the circuit', async () => {
    const world = makeWorld()
    const thrown = new Promise((resolve) => {
      process.once('uncaughtException', resolve)
    })
    const others = process.listeners('uncaughtException').slice(0, -1)
    for (const other of others) process.off('uncaughtException', other)
    world.breaker.onStateChange(() => {
      throw new Error('from a listener')
    })
    trip(world)
    expect(world.breaker.state).toBe('open')
    const error = await thrown
    for (const other of others) process.on('uncaughtException', other)
    expect(error).toMatchObject({ message: 'from a listener' })
  })

  test('on the channel is told as well', () => {
    const heard: BreakerChanged[] = []
    const listen = (message: unknown): void => {
      heard.push(message as BreakerChanged)
    }
    breakerChannels.breakerChanged.subscribe(listen)
    makeWorld({ name: 'prices' }).breaker.open()
    breakerChannels.breakerChanged.unsubscribe(listen)
    makeWorld().breaker.open()
    expect(breakerChannels.breakerChanged.name).toBe('spillway.breaker.changed')
    expect(heard).toEqual([{ breaker: 'prices', from: 'closed', to: 'open', reason: 'manual' }])
  })
})

test("opossum's one timer, unref'd and far away, goes with the opening or with the breaker", () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const world = makeWorld({ slowCallMs: 10 })
  expect(vi.getTimerCount()).toBe(0)
  trip(world)
  expect(vi.getTimerCount()).toBe(1)
  world.breaker.close()
  expect(vi.getTimerCount()).toBe(0)
  trip(world)
  world.breaker.shutdown()
  expect(vi.getTimerCount()).toBe(0)
})

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent, interceptors, request } from 'undici'
import type { Dispatcher } from 'undici'
import { afterEach, expect, test } from 'vitest'
import { retryBudget, retryHeader } from '../src/undici/index.ts'
import type { TestServer } from './serve-http.ts'
import { serveHttp } from './serve-http.ts'

const agents: Agent[] = []
const servers: TestServer[] = []

afterEach(async () => {
  for (const agent of agents.splice(0)) await agent.destroy()
  for (const server of servers.splice(0)) await server.stop()
})

/** A client with its retries, and how many attempts it made. */
interface Client {
  readonly dispatcher: Dispatcher
  attempts: number
}

function makeClient(retries: Dispatcher.DispatcherComposeInterceptor): Client {
  const agent = new Agent()
  agents.push(agent)
  const client = { attempts: 0 }
  const count: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
    client.attempts += 1
    return dispatch(options, handler)
  }
  return Object.assign(client, { dispatcher: agent.compose(count, retries) })
}

async function ask(url: string, { dispatcher }: Client): Promise<number> {
  try {
    const { statusCode, body } = await request(url, { dispatcher })
    await body.dump()
    return statusCode
  } catch {
    return 503
  }
}

/** Asks the next service; on failure it tells its caller what `refusal` says. */
function relay(next: string, client: Client, refusal: Record<string, string>) {
  return (_incoming: IncomingMessage, response: ServerResponse): void => {
    void ask(next, client).then((status) => {
      response.writeHead(status === 200 ? 200 : 502, status === 200 ? {} : refusal).end()
    })
  }
}

async function serve(...args: Parameters<typeof serveHttp>): Promise<TestServer> {
  const server = await serveHttp(...args)
  servers.push(server)
  return server
}

interface Variant {
  readonly retries: () => Dispatcher.DispatcherComposeInterceptor
  readonly refusal: Record<string, string>
}

const naive: Variant = {
  retries: () => interceptors.retry({ maxRetries: 2, minTimeout: 1, timeoutFactor: 1 }),
  refusal: {},
}
const ours: Variant = {
  // Without the throttle, which would hold most of the attempts back: the budget alone is tested.
  retries: () => retryBudget({ throttle: false, baseDelayMs: 2 }),
  refusal: { [retryHeader]: 'no' },
}
/** Somebody in the middle who does not pass the refusal on. */
const oursUnmarked: Variant = { ...ours, refusal: {} }

/** client -> A -> B -> C, C refusing everything or gone; attempts per request at each hop. */
async function outage(
  { retries, refusal }: Variant,
  isDead: boolean,
  requests: number,
): Promise<{ hops: number[]; whole: number }> {
  const c = await serve((_incoming, response) => {
    response.writeHead(503).end()
  })
  if (isDead) await servers.pop()!.stop()
  const clients = [makeClient(retries()), makeClient(retries()), makeClient(retries())] as const
  const b = await serve(relay(c.base, clients[2], refusal))
  const a = await serve(relay(b.base, clients[1], refusal))
  for (let asked = 0; asked < requests; asked += 10) {
    await Promise.all(Array.from({ length: 10 }, () => ask(a.base, clients[0])))
  }
  const [first, second, third] = clients
  const hops = [
    first.attempts / requests,
    second.attempts / a.requests.length,
    third.attempts / b.requests.length,
  ]
  return { hops, whole: third.attempts / requests }
}

test.each([true, false])('naive retries multiply (C is gone: %s)', async (isDead) => {
  const { whole } = await outage(naive, isDead, 10)
  expect(whole).toBeGreaterThan(20)
})

test.each([true, false])(
  'ours do not: at every hop and over all at most 1.1 (C is gone: %s)',
  async (isDead) => {
    const { hops, whole } = await outage(ours, isDead, 200)
    for (const attemptsPerRequest of [...hops, whole]) {
      expect(attemptsPerRequest).toBeLessThanOrEqual(1.1)
    }
    // The last hop does try again, so the bound is not met by doing nothing.
    expect(hops[2]).toBeGreaterThan(1.05)
    expect(hops.slice(0, 2)).toEqual([1, 1])
  },
)

test('a hop that hides the refusal costs a tenth, not a multiple', async () => {
  const { hops, whole } = await outage(oursUnmarked, false, 200)
  for (const attemptsPerRequest of hops) expect(attemptsPerRequest).toBeLessThanOrEqual(1.1)
  expect(whole).toBeLessThanOrEqual(1.1 ** 3)
})

import type { RequestListener } from 'node:http'
import { Agent, request } from 'undici'
import type { Dispatcher } from 'undici'
import type { Service } from './serve.ts'
import { serve } from './serve.ts'
import { Stock } from './stock.ts'
import type { Variant } from './variant.ts'

/** client -> shop -> orders -> stock, each over HTTP. */
export interface Chain {
  readonly stock: Stock
  /** One request of a client; whether it had its answer in time. */
  ask(): Promise<boolean>
  stop(): Promise<void>
}

/** How long a client waits. */
const patienceMs = 1000

export async function startChain(variant: Variant): Promise<Chain> {
  const stock = new Stock()
  const agents = [new Agent(), new Agent(), new Agent()]
  const [client, shopClient, ordersClient] = agents.map((agent) =>
    agent.compose(variant.retries()),
  ) as [Dispatcher, Dispatcher, Dispatcher]
  const last = await serve(stock.listener)
  const orders = await serve(relay(last, ordersClient, variant))
  const shop = await serve(relay(orders, shopClient, variant))
  return {
    stock,
    ask: () => isAnswered(shop, client),
    async stop() {
      for (const agent of agents) await agent.destroy()
      for (const service of [shop, orders, last]) await service.stop()
    },
  }
}

/** A service that needs the next one for its answer. */
function relay(next: Service, client: Dispatcher, { failureHeaders }: Variant): RequestListener {
  return (_request, response) => {
    void isAnswered(next, client).then((isGood) => {
      response.writeHead(isGood ? 200 : 502, isGood ? {} : failureHeaders).end()
    })
  }
}

async function isAnswered({ url }: Service, dispatcher: Dispatcher): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(patienceMs)
    const { statusCode, body } = await request(url, { dispatcher, signal })
    await body.dump()
    return statusCode === 200
  } catch {
    return false
  }
}

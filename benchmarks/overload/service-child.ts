import type { Child } from '@spillway/example-slow-database/children.ts'
import { startChild } from '@spillway/example-slow-database/children.ts'
import type { ShopMessage, ShopReport } from '@spillway/example-slow-database/shop/process.ts'

/** A service in a process of its own. */
export interface ServiceChild {
  readonly child: Child<ShopMessage, never>
  /** Where it listens; rejects when the process ends before that. */
  readonly url: Promise<string>
  readonly reports: readonly ShopReport[]
}

/** @param start what the module is told */
export function startService(name: string, module: URL, start: object): ServiceChild {
  const child = startChild<ShopMessage>(name, module, start)
  const reports: ShopReport[] = []
  const listening = new Promise<string>((resolve) => {
    child.onMessage((message) => {
      if (message.type === 'listening') resolve(message.url)
      else reports.push(message.report)
    })
  })
  return { child, reports, url: Promise.race([listening, child.failed]) }
}

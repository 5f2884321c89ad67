// What it would cost to keep a request's deadline in AsyncLocalStorage, beside handing it on as an
// argument: a handler that awaits three times and asks for the deadline once.
//   node --conditions=@spillway/source benchmarks/micro/ambient-deadline.ts
import { AsyncLocalStorage } from 'node:async_hooks'
import { bench, do_not_optimize, run, summary } from 'mitata'

interface Context {
  readonly expiresAtMs: number
}

const storage = new AsyncLocalStorage<Context>()
const step = async (): Promise<void> => {}

async function explicit(context: Context): Promise<number> {
  await step()
  await step()
  await step()
  return context.expiresAtMs - performance.now()
}

async function ambient(): Promise<number> {
  await step()
  await step()
  await step()
  return storage.getStore()!.expiresAtMs - performance.now()
}

summary(() => {
  bench('handed on as an argument', async () => {
    do_not_optimize(await explicit({ expiresAtMs: performance.now() + 1000 }))
  })
  bench('AsyncLocalStorage', async () => {
    const context = { expiresAtMs: performance.now() + 1000 }
    do_not_optimize(await storage.run(context, ambient))
  })
})

await run()

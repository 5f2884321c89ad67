// The connections of a small pool under queries, transactions, aborts, late and lost cancels, errors
// and terminations, all at once. SPILLWAY_PG_MODEL_STEPS=100000 runs it long, SPILLWAY_PG_MODEL_SEED
// again.
import { startFaultProxy } from '@spillway/test-support/fault-proxy'
import { startPostgres } from '@spillway/test-support/postgres'
import fc from 'fast-check'
import pg from 'pg'
import { expect, test } from 'vitest'
import { FragmentedSocket } from './fragmented-socket.ts'
import { step, World } from './pg-model.ts'

const stepsPerRun = 80
const steps = Number(process.env['SPILLWAY_PG_MODEL_STEPS'] ?? 800)
const seed = Number(process.env['SPILLWAY_PG_MODEL_SEED'] ?? Date.now() % 2 ** 31)

test(
  'every answer belongs to its question, and no connection is lost or returned dirty',
  async () => {
    await using server = await startPostgres()
    const { host, user, database, port } = server
    const connection = { host, user, database, port }
    const observer = new pg.Pool(connection)
    await observer.query('create table done (id int)')
    await using cancels = await startFaultProxy(server)
    const total = { runs: 0, answers: 0, errors: 0, aborts: 0, losses: 0 }

    const property = fc.asyncProperty(
      fc.array(step, { minLength: stepsPerRun, maxLength: stepsPerRun, size: 'max' }),
      fc.boolean(),
      async (list, isFragmented) => {
        await observer.query('truncate done')
        const stream = isFragmented ? { stream: () => new FragmentedSocket() } : {}
        const name = `model-${(total.runs += 1)}`
        const world = new World({ ...connection, ...stream }, observer, cancels, name)
        for (const next of list) await world.take(next)
        await world.end()
        for (const key of ['answers', 'errors', 'aborts', 'losses'] as const) {
          total[key] += world.done[key]
        }
        expect(world.faults).toEqual([])
      },
    )
    try {
      // No shrinking: what happens depends on time as well.
      await fc.assert(property, {
        seed,
        numRuns: Math.ceil(steps / stepsPerRun),
        endOnFailure: true,
      })
    } finally {
      if (steps > 800) console.log(JSON.stringify({ seed, steps, ...total }))
      await observer.end()
    }
    // Each kind of end was among them.
    expect(Math.min(total.answers, total.errors, total.aborts, total.losses)).toBeGreaterThan(0)
  },
  Math.max(60_000, steps * 50),
)

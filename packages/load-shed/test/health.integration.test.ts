import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { loadShed } from '../src/index.ts'

test('an application that closes says so to its balancer while it still answers', async () => {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(loadShed, { health: true })
  let asked: Promise<Response> | undefined
  let url = ''
  app.addHook('preClose', async () => {
    asked = fetch(`${url}/readyz`)
    await asked
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  await app.close()
  expect((await asked)?.status).toBe(503)
})

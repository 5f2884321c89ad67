import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

test('a load shedder that nobody closes does not keep its process alive', async () => {
  const script = `
    import { createLoadShedder } from '@spillway/core'
    createLoadShedder()
    console.log('made')
  `
  const child = spawn(
    process.execPath,
    ['--conditions=@spillway/source', '--input-type=module', '--eval', script],
    { cwd: new URL('..', import.meta.url), timeout: 20_000 },
  )
  const [code] = (await once(child, 'exit')) as [number | null]
  expect(code).toBe(0)
})

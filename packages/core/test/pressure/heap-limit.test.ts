import { expect, test } from 'vitest'
import { heapLimitBytes } from '../../src/pressure/heap-limit.ts'

const megabyte = 1024 * 1024
const v8Limit = 704 * megabyte

test.each([
  [[], '', 704],
  [['--max-old-space-size=512'], '', 512],
  [['--max_old_space_size=512', '--expose-gc'], '', 512],
  [[], '--enable-source-maps  --max-old-space-size=256', 256],
  [['--max-old-space-size=512'], '--max-old-space-size=256', 512],
  [['--max-old-space-size=512', '--max-old-space-size=128'], '', 128],
  [['--max-old-space-size=0'], '', 704],
  [['--max-old-space-size=many', '--max-old-space-size'], '', 704],
  [['--max-old-space-size=99999'], '', 704],
])('flags %j and options %j: %d MB', (flags, nodeOptions, limit) => {
  expect(heapLimitBytes(v8Limit, flags, nodeOptions)).toBe(limit * megabyte)
})

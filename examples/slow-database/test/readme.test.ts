import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

async function lines(path: string): Promise<string[]> {
  const text = await readFile(new URL(path, import.meta.url), 'utf8')
  return text.split('\n').map((line) => line.trimEnd())
}

/** Lines of the first that the second has not, as often as they occur. */
function without(all: readonly string[], others: readonly string[]): string[] {
  const left = [...others]
  return all.filter((line) => {
    const index = left.indexOf(line)
    if (index >= 0) left.splice(index, 1)
    return index < 0
  })
}

/** The figures of the demo's tables: `phase: what`, bare, with Spillway. */
function figures(readme: readonly string[]): string[] {
  let phase = ''
  return readme.flatMap((line) => {
    phase = /^(\w+): \d+ requests\/s/.exec(line)?.[1] ?? phase
    const [, what, ...values] = /^ {2}(\S.*?) {2,}(\S.*?) {2,}(\S.*)$/.exec(line) ?? []
    return what === undefined ? [] : [`| ${phase}: ${what} | ${values.join(' | ')} |`]
  })
}

describe('README', () => {
  it('shows the whole difference between the two shops', async () => {
    const [bare, guarded, readme] = await Promise.all(
      ['../src/shop/bare.ts', '../src/shop/spillway.ts', '../README.md'].map(lines),
    )
    const start = readme!.indexOf('```diff')
    const block = readme!.slice(start + 1, readme!.indexOf('```', start + 1))
    const shown = (sign: string): string[] =>
      block.filter((line) => line.startsWith(sign)).map((line) => line.slice(1))
    const isCode = (line: string): boolean => line !== '' && !line.startsWith('/**')
    expect(shown('+').filter(isCode)).toEqual(without(guarded!, bare!).filter(isCode))
    expect(shown('-').filter(isCode)).toEqual(without(bare!, guarded!).filter(isCode))
  })

  it('and the one of the repository show figures of the same run', async () => {
    const [root, demo] = await Promise.all(['../../../README.md', '../README.md'].map(lines))
    const rows = root!.filter((line) => /^\| \w+: /.test(line))
    expect(rows.length).toBeGreaterThan(0)
    expect(figures(demo!)).toEqual(expect.arrayContaining(rows))
  })
})

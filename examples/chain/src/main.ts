import { failureText } from '@spillway/example-slow-database/usage-error.ts'
import { parseArguments, usage } from './arguments.ts'
import { startChain } from './chain.ts'
import { makePhases, playPhase } from './story.ts'
import type { Phase, PhaseResult } from './story.ts'
import type { VariantResult } from './table.ts'
import { amplification, resultTable } from './table.ts'
import type { Variant } from './variant.ts'
import { variants } from './variant.ts'

const exitCodes = { held: 0, missed: 1, failed: 2 } as const

async function main(): Promise<number> {
  const { isHelp, isFast } = parseArguments(process.argv.slice(2))
  if (isHelp) {
    process.stdout.write(usage)
    return exitCodes.held
  }
  const phases = makePhases(isFast ? 0.16 : 1)
  const results: VariantResult[] = []
  for (const variant of variants) {
    console.log(`client -> shop -> orders -> stock, ${variant.name} …`)
    results.push({ name: variant.name, phases: await play(variant, phases) })
  }
  console.log(['', ...resultTable(results)].join('\n'))
  return conclude(results)
}

async function play(variant: Variant, phases: readonly Phase[]): Promise<PhaseResult[]> {
  const chain = await startChain(variant)
  try {
    const results: PhaseResult[] = []
    for (const phase of phases) results.push(await playPhase(chain, phase))
    return results
  } finally {
    await chain.stop()
  }
}

function conclude(results: readonly VariantResult[]): number {
  const [naive, ours] = results.map(({ phases }) => amplification(phases)) as [number, number]
  console.log(
    `Attempts a request: ${naive.toFixed(2)} with three tries each, ${ours.toFixed(2)} with the budget (wanted: at most 1.10).`,
  )
  return ours <= 1.1 ? exitCodes.held : exitCodes.missed
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${failureText('The example', error)}\n`)
  process.exitCode = exitCodes.failed
}

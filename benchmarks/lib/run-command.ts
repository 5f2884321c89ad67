import { UsageError } from '@spillway/example-slow-database/usage-error.ts'

/** Runs a command; what stops it is one line on the standard error and an exit status of 2. */
export async function runCommand(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const start = error instanceof UsageError ? '' : `The ${name} could not run: `
    process.stderr.write(`${start}${message}\n`)
    process.exitCode = 2
  }
}

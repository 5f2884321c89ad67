import { failureText } from '@spillway/example-slow-database/usage-error.ts'

/** Runs a command; what stops it is one line on the standard error and an exit status of 2. */
export async function runCommand(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    process.stderr.write(`${failureText(`The ${name}`, error)}\n`)
    process.exitCode = 2
  }
}

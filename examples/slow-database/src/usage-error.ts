/** A mistake of the user's; its message is the whole answer. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * Reads a command line with `parseArgs`, whose errors are not for users.
 *
 * @throws UsageError with one sentence for a wrong option
 */
export function readOptions<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new UsageError(`${firstSentence(error)} Try --help.`)
  }
}

/** What stopped a command, in one line; `command`: `The demo`. */
export function failureText(command: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return error instanceof UsageError ? message : `${command} could not run: ${message}`
}

/** parseArgs explains at length how to escape things. */
function firstSentence(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return `${message.split(/\.\s|\n/)[0]?.replace(/\.$/, '') ?? ''}.`
}

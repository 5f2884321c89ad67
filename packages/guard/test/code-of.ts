/** The code of the error that a call ends with; the error itself when it has none. */
export const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'fulfilled',
    (error: { code?: unknown }) => error.code ?? error,
  )

/** Aborts when somebody wants the process to end (Ctrl-C, a closed terminal), so that it can clean up. */
export function interruption(): AbortSignal {
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interrupted.abort(new Error('Interrupted.'))
    })
  }
  return interrupted.signal
}

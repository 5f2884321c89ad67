import { finished } from 'node:stream/promises'

/** Bodies that came whole, and that nobody holds any more: they are never read, nor cancelled. */
const collectedBodies = new FinalizationRegistry<() => void>((end) => {
  end()
})

/**
 * Resolves when nothing more comes from the server: the body was read to its end in whatever way, or
 * cancelled, or there is nothing to read, or nobody can read it any more. Rejects when it breaks off.
 * The response is left as it is, and not held: undici cancels the body of one that was collected.
 */
export function bodyEnd(response: Response): Promise<void> {
  const body = response.body as ReadableStream<Uint8Array> | null | undefined
  const length = response.headers?.get('content-length')
  if (body === null || body === undefined || length === '0') return Promise.resolve()
  const ended = endOf(body)
  // Only reading tells whether an answer of no stated length is empty.
  if (length === null && body instanceof ReadableStream) readFirst(response)
  return ended
}

function endOf(body: ReadableStream<Uint8Array>): Promise<void> {
  return new Promise((resolve, reject) => {
    collectedBodies.register(body, resolve)
    whenFinished(body).then(resolve, reject)
  })
}

/** Reads the first piece on a branch of its own; the caller's branch gets it all the same. */
function readFirst(response: Response): void {
  const reader = response.clone().body!.getReader()
  const stop = (): void => {
    reader.cancel().catch(() => undefined)
  }
  reader.read().then(stop, stop)
  // A body is cancelled at the server when both branches are.
  whenFinished(response.body!).then(stop, stop)
}

/** Unlike `getReader().closed` it does not lock. Its types know nothing of web streams. */
function whenFinished(body: ReadableStream<Uint8Array>): Promise<void> {
  return finished(body as unknown as NodeJS.ReadableStream)
}

import type { IncomingMessage } from 'node:http'
import type { Pausable } from '@spillway/core'

type Incoming = IncomingMessage & {
  /** HTTP/2 tells by it that there is no body. */
  readonly stream?: { readonly endAfterHeaders: boolean }
}

/** Whether a body comes after the head of a request. */
export function hasBody({ headers, stream }: Incoming): boolean {
  if (stream !== undefined) return !stream.endAfterHeaders
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/**
 * Pauses a permit while the handler itself reads a body that is still coming (a multipart form, a raw
 * stream): that is at the pace of the client. Not while nobody reads, or whoever withholds a byte of
 * his body would run beyond the limit.
 */
export function pauseWhileBodyComes(raw: IncomingMessage, permit: Pausable): void {
  if (raw.complete || raw.readableEnded) return
  if (raw.readableFlowing !== null) {
    pauseUntilEnd(raw, permit)
    return
  }
  const onNewListener = (event: string | symbol): void => {
    if (event !== 'data' && event !== 'readable') return
    raw.off('newListener', onNewListener)
    pauseUntilEnd(raw, permit)
  }
  raw.on('newListener', onNewListener)
}

/** A body that is cut off closes without an end. */
function pauseUntilEnd(raw: IncomingMessage, permit: Pausable): void {
  permit.pause()
  const resume = (): void => {
    raw.off('end', resume)
    raw.off('close', resume)
    permit.resume()
  }
  raw.on('end', resume)
  raw.on('close', resume)
}

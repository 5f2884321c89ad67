/** A response to hand out, and the moment when nothing more comes from the server. */
export interface TrackedResponse {
  readonly response: Response
  /** Resolves when the body was read to its end or cancelled, rejects when it broke off. */
  readonly ended: Promise<void>
}

/** Makes a response whose body tells when it has ended. One without a body has ended already. */
export function trackResponse(response: Response): TrackedResponse {
  if (response.body === null) return { response, ended: Promise.resolve() }
  const { body, ended } = trackBody(response.body)
  return { response: copyWithBody(response, body), ended }
}

function trackBody(source: ReadableStream<Uint8Array>): {
  readonly body: ReadableStream<Uint8Array>
  readonly ended: Promise<void>
} {
  const reader = source.getReader()
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Nothing is read ahead of the caller: back-pressure reaches the server as it would without us.
    { highWaterMark: 0 },
  )
  return { body, ended: reader.closed }
}

/** A constructed response knows neither its URL nor whether it was redirected. */
function copyWithBody(response: Response, body: ReadableStream<Uint8Array>): Response {
  const { status, statusText, headers, url, redirected } = response
  // undici's own fetch has its own class.
  const ResponseClass = response.constructor as typeof Response
  const copy = new ResponseClass(body, { status, statusText, headers })
  return Object.defineProperties(copy, { url: { value: url }, redirected: { value: redirected } })
}

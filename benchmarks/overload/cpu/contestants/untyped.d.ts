// The package has no types.
declare module 'overload-protection' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  /** Answers itself and returns true when the process is overloaded. */
  export default function protect(
    framework: 'http',
  ): (request: IncomingMessage, response: ServerResponse) => boolean
}

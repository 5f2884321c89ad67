import type { Mode, Priority } from '@spillway/core'
import { checkPriority } from '@spillway/core'
import type { FastifyRequest } from 'fastify'
import type { ParsedOptions } from './options.ts'
import type { SheddingLogger } from './shedding-log.ts'

/**
 * What the application says of requests: how important they are, and whose. A mistake in that is an
 * error of the request while the door enforces; otherwise the door changes nothing for anybody, so it
 * is told once and counts as nothing said.
 */
export class Classifier {
  readonly #options: Pick<ParsedOptions, 'priority' | 'partition'>
  readonly #logger: Pick<SheddingLogger, 'warn'>
  #hasTold = false

  constructor(
    options: Pick<ParsedOptions, 'priority' | 'partition'>,
    logger: Pick<SheddingLogger, 'warn'>,
  ) {
    this.#options = options
    this.#logger = logger
  }

  priority(request: FastifyRequest, mode: Mode): Priority | undefined {
    const { priority } = this.#options
    return priority === undefined ? undefined : this.#ask(priorityOf, priority, request, mode)
  }

  partition(request: FastifyRequest, mode: Mode): string | undefined {
    const { partition } = this.#options
    return partition === undefined ? undefined : this.#ask(partitionOf, partition, request, mode)
  }

  #ask<Said, Meant>(
    read: (ask: (request: FastifyRequest) => Said, request: FastifyRequest) => Meant | undefined,
    ask: (request: FastifyRequest) => Said,
    request: FastifyRequest,
    mode: Mode,
  ): Meant | undefined {
    if (mode === 'enforce') return read(ask, request)
    try {
      return read(ask, request)
    } catch (err) {
      if (!this.#hasTold) this.#logger.warn({ err }, 'priority or partition of a request is wrong')
      this.#hasTold = true
      return undefined
    }
  }
}

function priorityOf(
  ask: (request: FastifyRequest) => Priority | undefined,
  request: FastifyRequest,
): Priority | undefined {
  const said = ask(request)
  if (said !== undefined) checkPriority(said)
  return said
}

/** It may be made of what a client sends, so that anything may come of it. */
function partitionOf(
  ask: (request: FastifyRequest) => unknown,
  request: FastifyRequest,
): string | undefined {
  const said = ask(request)
  return said === undefined || typeof said === 'object' ? undefined : String(said)
}

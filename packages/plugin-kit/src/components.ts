import type { FastifyInstance } from 'fastify'

/** Something alive that can be asked for numbers, such as the limiters of one scope. */
export interface Component {
  /** `'limiters'`, `'guards'`, … */
  readonly kind: string
  /** A snapshot for each part, each with its `name`. */
  stats(): readonly { readonly name: string }[]
}

/**
 * By raw server, which all scopes of one application share and no two applications do. Decorators
 * would not do: those of a child scope cannot be seen from its parent.
 */
const registry = new WeakMap<object, Set<Component>>()

/** Makes a component known to whoever collects numbers, until the application closes. */
export function addComponent(fastify: FastifyInstance, component: Component): void {
  const components = registry.get(fastify.server) ?? new Set()
  registry.set(fastify.server, components.add(component))
  fastify.addHook('onClose', async () => {
    components.delete(component)
  })
}

/** The live components of the whole application, whatever scope `fastify` is. */
export function componentsOf(fastify: FastifyInstance): ReadonlySet<Component> {
  return registry.get(fastify.server) ?? new Set()
}

import type { FaultProxy } from '@spillway/test-support/fault-proxy'

/** One way for a database to be gone. */
export interface Fault {
  readonly name: string
  begin(proxy: FaultProxy): Promise<void>
  end(proxy: FaultProxy): Promise<void>
}

export const faults: readonly Fault[] = [
  {
    name: 'refusing',
    begin: (proxy) => proxy.refuse(),
    end: (proxy) => proxy.accept(),
  },
  {
    name: 'silent',
    begin: async (proxy) => {
      proxy.stall()
    },
    end: async (proxy) => {
      proxy.heal()
    },
  },
]

import { functionOption } from '@spillway/core'
import type { StateChange } from './breaker.ts'
import { breakerChannels } from './channels.ts'

type Listener = (change: StateChange) => void

/** Tells of changes of state: the diagnostics channel, and the listeners of one breaker. */
export class Announcer {
  readonly #listeners = new Set<{ readonly listener: Listener }>()

  /** A listener that was added twice is told twice, and removed one by one. */
  add(listener: Listener): () => void {
    const entry = { listener: functionOption('listener', listener) }
    this.#listeners.add(entry)
    return () => {
      this.#listeners.delete(entry)
    }
  }

  announce(change: StateChange): void {
    const { breakerChanged } = breakerChannels
    if (breakerChanged.hasSubscribers) breakerChanged.publish(change)
    for (const { listener } of this.#listeners) tell(listener, change)
  }

  clear(): void {
    this.#listeners.clear()
  }
}

/** A listener that throws is its owner's affair, not that of the call that changed the state. */
function tell(listener: Listener, change: StateChange): void {
  try {
    listener(change)
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}

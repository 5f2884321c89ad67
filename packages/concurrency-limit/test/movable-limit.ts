import type { Limit, LimitFactory } from '@spillway/core'

/** A limit whose number the test moves. */
export class MovableLimit implements Limit {
  readonly algorithm = 'movable'
  readonly reason = 'moved'
  current: number

  constructor(current: number) {
    this.current = current
  }

  readonly factory: LimitFactory = () => this

  at(): number {
    return this.current
  }

  onSample(): void {
    // It moves for nobody but the test.
  }
}

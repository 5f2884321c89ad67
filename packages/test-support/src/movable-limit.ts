import type { Limit, LimitFactory, Sample } from '@spillway/core'

/** A limit whose number the test moves, and that remembers what it was shown. */
export class MovableLimit implements Limit {
  readonly algorithm = 'movable'
  readonly reason = 'moved'
  readonly samples: Sample[] = []
  current: number

  constructor(current: number) {
    this.current = current
  }

  readonly factory: LimitFactory = () => this

  at(): number {
    return this.current
  }

  onSample(sample: Sample): void {
    this.samples.push(sample)
  }
}

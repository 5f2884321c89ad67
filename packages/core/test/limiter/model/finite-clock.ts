import { ManualClock } from '@spillway/test-support'

/** Far more than a script of a hundred actions needs. */
const maxTimers = 10_000

/** A timer that is set again and again at the same moment fails the test instead of hanging it. */
export class FiniteClock extends ManualClock {
  constructor() {
    super()
    const { setTimer } = this
    let timers = 0
    this.setTimer = (callback, delayMs) => {
      timers += 1
      if (timers > maxTimers) throw new Error('A timer is set again and again')
      return setTimer(callback, delayMs)
    }
  }
}

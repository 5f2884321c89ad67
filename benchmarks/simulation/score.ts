/** What a run was worth. */
export interface Verdict {
  /** 0..100; a monotone mapping, documented in the README. */
  readonly score: number
  readonly pass: boolean
  readonly moonshot: boolean
  /** What the verdict rests on. */
  readonly figures: Readonly<Record<string, number>>
}

/** 100 while the value keeps the upper bound, then falling as bound / value. */
export function atMost(value: number, bound: number): number {
  if (Number.isNaN(value)) return 0
  return value <= bound ? 100 : (100 * bound) / value
}

/** 100 while the value keeps the lower bound, then falling as value / bound. */
export function atLeast(value: number, bound: number): number {
  if (Number.isNaN(value)) return 0
  return value >= bound ? 100 : (100 * value) / bound
}

/** A verdict on a share of what was possible, in percent. */
export function goodputVerdict(
  goodput: number,
  pass: number,
  moonshot: number,
  figures: Readonly<Record<string, number>> = {},
): Verdict {
  return {
    score: goodput,
    pass: goodput >= pass,
    moonshot: goodput >= moonshot,
    figures: { goodput, ...figures },
  }
}

/** The verdict that decides: the one with the lower score. */
export function isWorse(a: Verdict, b: Verdict): boolean {
  return a.score < b.score
}

/** Seeded pseudo-random numbers: sfc32 (Chris Doty-Humphrey, PractRand). Same seed, same numbers. */
export class Random {
  #a: number
  #b: number
  #c: number
  #counter = 1
  #spare: number | undefined

  /** Streams of the same seed are independent of each other. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0
    this.#b = stream | 0
    this.#c = 0x9e3779b9 | 0
    for (let round = 0; round < 15; round += 1) this.uniform()
  }

  /** In [0, 1). */
  uniform(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return (sum >>> 0) / 4_294_967_296
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.uniform())
  }

  /** Standard normal: Marsaglia's polar method, which yields two at a time. */
  normal(): number {
    const spare = this.#spare
    if (spare !== undefined) {
      this.#spare = undefined
      return spare
    }
    for (;;) {
      const x = 2 * this.uniform() - 1
      const y = 2 * this.uniform() - 1
      const square = x * x + y * y
      if (square >= 1 || square === 0) continue
      const scale = Math.sqrt((-2 * Math.log(square)) / square)
      this.#spare = y * scale
      return x * scale
    }
  }
}

/** A lognormal distribution by its mean and coefficient of variation. */
export class Lognormal {
  readonly mean: number
  readonly cv: number
  readonly #mu: number
  readonly #sigma: number

  constructor(mean: number, cv: number) {
    const variance = Math.log(1 + cv * cv)
    this.mean = mean
    this.cv = cv
    this.#mu = Math.log(mean) - variance / 2
    this.#sigma = Math.sqrt(variance)
  }

  get median(): number {
    return Math.exp(this.#mu)
  }

  sample(random: Random): number {
    return this.#sigma === 0 ? this.mean : Math.exp(this.#mu + this.#sigma * random.normal())
  }
}

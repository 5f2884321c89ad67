import type { Reporter, TestModule } from 'vitest/node'

/** Ends a run with one plain line without colours, for whoever reads the log: `12 passed, 0 failed`. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state] += 1
    }
    const brokenFiles = modules.filter((module) => module.errors().length > 0).length
    const failed = count.failed + brokenFiles + unhandled.length
    console.log(`${count.passed} passed, ${failed} failed, ${count.skipped} skipped`)
  }
}

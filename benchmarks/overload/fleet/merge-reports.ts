import type { ShopReport } from '@spillway/example-slow-database/shop/process.ts'

/** Reports of several processes as of one: after each of theirs, what all have counted by then. */
export function mergeReports(reports: readonly (readonly ShopReport[])[]): ShopReport[] {
  const last = new Map<number, ShopReport>()
  return reports
    .flatMap((own, process) => own.map((report) => ({ process, report })))
    .toSorted((a, b) => a.report.at - b.report.at)
    .map(({ process, report }) => {
      last.set(process, report)
      const sum = (of: 'arrived' | 'open' | 'running' | 'poolWaiting'): number =>
        [...last.values()].reduce((total, one) => total + one[of], 0)
      return {
        at: report.at,
        arrived: sum('arrived'),
        open: sum('open'),
        running: sum('running'),
        poolWaiting: sum('poolWaiting'),
        refusedMs: report.refusedMs,
      }
    })
}

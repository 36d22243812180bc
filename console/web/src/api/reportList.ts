/// The list of reports as changes arrive: pure.
import type { Report } from './types';

function requestedAt(report: Report): number {
  return report.requested_at === null ? 0 : Date.parse(report.requested_at);
}

/** Newest first. Ids are UUIDs of version 7: their order is that of time, and breaks ties. */
export function newestFirst(a: Report, b: Report): number {
  const byTime = requestedAt(b) - requestedAt(a);
  if (byTime !== 0) return byTime;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

/** The list with `changed` put in, or put in the place of its older self. */
export function withChanged(reports: readonly Report[], changed: Report): Report[] {
  return [...reports.filter((report) => report.id !== changed.id), changed].sort(newestFirst);
}

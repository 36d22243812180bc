/// How far a report is, for the bar and for those who cannot see it.
import type { Report } from '../api/types';
import { formatBytes, formatCount, formatCountOf } from './bytes';

/** 0 to 100, or null while nobody knows how many rows there will be. Not 100 before the report is completed. */
export function progressPercent(report: Pick<Report, 'state' | 'rows' | 'rows_expected'>): number | null {
  if (report.state === 'completed') return 100;
  const expected = report.rows_expected ?? 0;
  if (expected <= 0) return null;
  return Math.min(99, Math.floor((report.rows / expected) * 100));
}

/** What a report is doing, in one line. */
export function describeState(report: Report): string {
  switch (report.state) {
    case 'requested':
      return 'Requested';
    case 'waiting':
      return report.events_behind
        ? `Waiting for ingest (${formatCountOf(report.events_behind, 'event')} behind)`
        : 'Waiting for ingest';
    case 'running':
      return report.rows_expected
        ? `Running: ${formatCount(report.rows)} of ${formatCountOf(report.rows_expected, 'row')}`
        : `Running: ${formatCountOf(report.rows, 'row')} so far`;
    case 'completed':
      return `${formatCountOf(report.rows, 'row')}, ${formatBytes(report.size_bytes)}`;
    case 'failed':
      return report.reason ? `Failed: ${report.reason}` : 'Failed';
    case 'cancelled':
      return 'Cancelled';
    case 'expired':
      return 'Expired: the file is no longer kept';
  }
}

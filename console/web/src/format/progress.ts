/// How far a report is, for the bar and for those who cannot see it.
import type { Report, ReportState } from '../api/types';
import { formatBytes, formatCount, formatCountOf } from './bytes';

/** 0 to 100, or null while nobody knows how many rows there will be. Not 100 before the report is completed. */
export function progressPercent(report: Pick<Report, 'state' | 'rows' | 'rows_expected'>): number | null {
  if (report.state === 'completed') return 100;
  const expected = report.rows_expected ?? 0;
  if (expected <= 0) return null;
  return Math.min(99, Math.floor((report.rows / expected) * 100));
}

const LABELS: Record<ReportState, string> = {
  requested: 'Requested',
  waiting: 'Waiting for ingest',
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  expired: 'Expired',
};

/** A state that this page does not know yet is shown as it is. */
export function stateLabel(state: ReportState): string {
  return LABELS[state] ?? state;
}

/** What is to be said beside the state; empty when nothing is. */
export function stateDetail(report: Report): string {
  switch (report.state) {
    case 'requested':
    case 'cancelled':
      return '';
    case 'waiting':
      return report.events_behind ? `${formatCountOf(report.events_behind, 'event')} behind` : '';
    case 'running':
      return report.rows_expected
        ? `${formatCount(report.rows)} of ${formatCountOf(report.rows_expected, 'row')}`
        : `${formatCountOf(report.rows, 'row')} so far`;
    case 'completed':
      return `${formatCountOf(report.rows, 'row')}, ${formatBytes(report.size_bytes)}`;
    case 'failed':
      return report.reason ?? '';
    case 'expired':
      return 'The file is no longer kept.';
  }
}

/** State and detail in one line. */
export function describeState(report: Report): string {
  const detail = stateDetail(report);
  return detail ? `${stateLabel(report.state)}: ${detail}` : stateLabel(report.state);
}

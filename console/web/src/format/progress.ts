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

/** How long it takes until then, as one would say it. */
function timeLeft(until: string, now: number): string {
  const minutes = Math.round((Date.parse(until) - now) / 60_000);
  if (minutes < 1) return 'less than a minute left';
  return minutes < 120 ? `about ${minutes} min left` : `about ${Math.round(minutes / 60)} h left`;
}

/** What is to be said beside the state; empty when nothing is. */
export function stateDetail(report: Report, now: number = Date.now()): string {
  if (report.cancel_requested) return 'It is being cancelled.';
  switch (report.state) {
    case 'requested':
    case 'cancelled':
      return '';
    case 'waiting':
      return report.events_behind ? `${formatCountOf(report.events_behind, 'event')} behind` : '';
    case 'running': {
      const rows = report.rows_expected
        ? `${formatCount(report.rows)} of ${formatCountOf(report.rows_expected, 'row')}${report.merging ? ' merged' : ''}`
        : `${formatCountOf(report.rows, 'row')} so far`;
      return report.ends_at ? `${rows}, ${timeLeft(report.ends_at, now)}` : rows;
    }
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

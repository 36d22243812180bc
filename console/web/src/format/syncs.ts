/// How bucket syncs stand, in words.
import type { Backfill, BucketSync } from '../api/types';
import { formatCountOf } from './bytes';
import { formatDuration } from './durations';
import { FORMAT_NAMES } from './files';

/** What the state says, and what its mark looks like. */
export interface Standing {
  label: string;
  color: string;
}

/** An interval late is as it should be; two, and a minute of grace, are not. */
const GRACE_SECONDS = 60;

/** One that does not fail may still be behind: nobody writes, or more comes than is written. */
export function standingOf(sync: Pick<BucketSync, 'state' | 'lag_seconds' | 'interval_seconds'>): Standing {
  switch (sync.state) {
    case 'paused':
      return { label: 'Paused', color: 'yellow.6' };
    case 'failing':
      return { label: 'Failing', color: 'red.6' };
    case 'active': {
      const isBehind = (sync.lag_seconds ?? 0) > 2 * sync.interval_seconds + GRACE_SECONDS;
      return isBehind ? { label: 'Behind', color: 'yellow.6' } : { label: 'Active', color: 'green.6' };
    }
  }
}

/** `NDJSON, gzip, every 5 min, with denied attempts` */
export function describeObjects(sync: Pick<BucketSync, 'format' | 'compression' | 'interval_seconds' | 'denied'>): string {
  const packed = sync.compression === 'none' ? '' : `, ${sync.compression}`;
  const every = `every ${formatDuration(sync.interval_seconds * 1_000)}`;
  return `${FORMAT_NAMES[sync.format]}${packed}, ${every}${sync.denied ? ', with denied attempts' : ''}`;
}

/** What became of a past range, of all that were asked for in this order: one after the other. */
export function describeBackfill(backfills: readonly Backfill[], index: number): string {
  const backfill = backfills[index];
  if (backfill === undefined) return '';
  const soFar = `${backfill.hours_done} of ${formatCountOf(backfill.hours, 'hour')}, ${formatCountOf(backfill.objects, 'object')}`;
  switch (backfill.state) {
    case 'done':
      return `done, ${formatCountOf(backfill.objects, 'object')}`;
    case 'cancelled':
      return `cancelled after ${soFar}`;
    case 'waiting': {
      const first = backfills.findIndex(({ state }) => state === 'waiting');
      return index === first ? `being written, ${soFar}` : 'waits for the one before';
    }
  }
}

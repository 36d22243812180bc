/// The forms of bucket syncs without their looks: pure.
import type { BucketSync, ChangedSync, Compression, Narrowing, NewSync, PastRange } from '../../api/types';
import { formatDuration } from '../../format/durations';
import { receiversError } from '../../format/tags';
import { isEmptyRange, isZone, toLocal } from '../../format/times';
import type { Errors } from '../../hooks/useForm';
import { FILTER_FIELDS, type FilterForm, filterFormOf, filterOf, NO_FILTER, validateFilter } from './filterForm';

/** A sync as it is entered. */
export interface SyncForm extends Omit<NewSync, keyof Narrowing> {
  filter: FilterForm;
}

export type SyncErrors = Errors<keyof NewSync>;

/** The names of its fields that the form shares with the server. */
export const SYNC_FIELDS = [
  'name',
  'destination',
  'format',
  'compression',
  'remote_networks',
  'denied',
  ...FILTER_FIELDS,
  'interval_seconds',
  'receivers',
] as const satisfies (keyof NewSync)[];

const INTERVALS = [60, 300, 900, 3_600, 21_600, 86_400];

/** Those that are offered, and the one that it has. */
export function intervals(chosen: number): { value: string; label: string }[] {
  const seconds = [...new Set([...INTERVALS, chosen])].sort((a, b) => a - b);
  return seconds.map((it) => ({ value: String(it), label: `Every ${formatDuration(it * 1_000)}` }));
}

export const COMPRESSIONS: { value: Compression; label: string }[] = [
  { value: 'none', label: 'None (.ndjson)' },
  { value: 'gzip', label: 'gzip (.ndjson.gz)' },
  { value: 'zstd', label: 'Zstandard (.ndjson.zst)' },
];

/** Into the only bucket where there is but one. */
export function initialSync(destinations: readonly string[]): SyncForm {
  const destination = destinations[0] ?? '';
  return {
    name: '',
    destination,
    format: 'ndjson',
    compression: 'gzip',
    remote_networks: [],
    filter: NO_FILTER,
    denied: false,
    interval_seconds: 300,
    receivers: [],
  };
}

/** A sync as it is, to be changed. */
export function syncFormOf(sync: BucketSync): SyncForm {
  return { ...sync, filter: filterFormOf(sync) };
}

/** Parquet is packed inside; NDJSON is packed again once it is chosen again. */
export function fittingSync(form: SyncForm, part: Partial<SyncForm>): SyncForm {
  const next = { ...form, ...part };
  if (next.format === form.format) return next;
  return { ...next, compression: next.format === 'parquet' ? 'none' : 'gzip' };
}

/** What is wrong with the form; empty when nothing is. The server has the last word. */
export function validateSync({ name, destination, receivers, filter }: SyncForm): SyncErrors {
  const errors: SyncErrors = { ...validateFilter(filter) };
  if (name.trim() === '') errors.name = 'Enter a name.';
  if (destination === '') errors.destination = 'Choose a bucket.';
  const wrong = receiversError(receivers);
  if (wrong) errors.receivers = wrong;
  return errors;
}

export function syncOf({ filter, ...form }: SyncForm): NewSync {
  return { ...form, name: form.name.trim(), ...filterOf(filter) };
}

/** The part of it that may be changed. */
export function changedOf({ name, interval_seconds, receivers }: SyncForm): ChangedSync {
  return { name: name.trim(), interval_seconds, receivers };
}

export type PastErrors = Errors<keyof PastRange>;

export const PAST_FIELDS = ['from', 'to', 'zone'] as const satisfies (keyof PastRange)[];

const HOUR_MS = 3_600_000;
const WEEK_MS = 168 * HOUR_MS;

/** The week before the sync was made, until the end of that hour: what ended later comes by itself. */
export function initialPast({ created_at }: Pick<BucketSync, 'created_at'>, zone: string): PastRange {
  const to = Math.ceil(Date.parse(created_at) / HOUR_MS) * HOUR_MS;
  return { from: toLocal(new Date(to - WEEK_MS), zone), to: toLocal(new Date(to), zone), zone };
}

export function validatePast({ from, to, zone }: PastRange): PastErrors {
  const errors: PastErrors = {};
  if (from === '') errors.from = 'Enter a date and a time.';
  if (to === '') errors.to = 'Enter a date and a time.';
  if (from && to && isEmptyRange(from, to, zone)) errors.to = 'The end must be after the start.';
  if (!isZone(zone)) errors.zone = 'Choose a time zone.';
  return errors;
}

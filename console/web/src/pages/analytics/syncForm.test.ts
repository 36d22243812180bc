import { expect, it } from 'vitest';
import { describeBackfill, describeObjects, standingOf } from '../../format/syncs';
import { aBackfill, aSync } from '../../testing/builders';
import { NO_FILTER } from './filterForm';
import { changedOf, fittingSync, initialPast, initialSync, intervals, validatePast, validateSync } from './syncForm';

const form = { ...initialSync(['lake']), name: 'Lake' };

it('is packed as its format wants it', () => {
  const parquet = fittingSync({ ...form, compression: 'zstd' }, { format: 'parquet' });
  expect(parquet.compression).toBe('none');
  expect(fittingSync(parquet, { name: 'Other' }).compression).toBe('none');
  expect(fittingSync(parquet, { format: 'ndjson' }).compression).toBe('gzip');
});

it('what is missing is said at its field', () => {
  expect(validateSync(form)).toEqual({});
  const wrong = { ...form, name: ' ', destination: '', receivers: ['ops'] };
  expect(Object.keys(validateSync(wrong))).toEqual(['name', 'destination', 'receivers']);
  expect(validateSync({ ...form, filter: { ...NO_FILTER, devices: ['laptop'] } })).toHaveProperty('devices');
});

it('what its objects are cannot be changed', () => {
  expect(Object.keys(changedOf(form))).toEqual(['name', 'interval_seconds', 'receivers']);
});

it('an interval that is not offered stays that of the sync', () => {
  expect(intervals(300)).toHaveLength(6);
  expect(intervals(42)[0]).toEqual({ value: '42', label: 'Every 42 s' });
});

it('the past ends with the hour in which the sync was made, in every zone', () => {
  const made = { created_at: '2026-11-01T10:20:30Z' };
  expect(initialPast(made, 'Europe/Berlin')).toMatchObject({ from: '2026-10-25T12:00', to: '2026-11-01T12:00' });
  expect(initialPast(made, 'Asia/Kolkata').to).toBe('2026-11-01T16:30');
  expect(validatePast({ from: '', to: '', zone: 'Mars/Base' })).toHaveProperty('zone');
  expect(validatePast({ from: '2026-11-01T00:00', to: '2026-11-01T00:00', zone: 'UTC' })).toHaveProperty('to');
  const twice = { from: '2026-10-25T02:00', to: '2026-10-25T02:00', zone: 'Europe/Berlin' };
  expect(validatePast(twice)).toEqual({});
});

it('one that does not fail is behind after two intervals and a minute', () => {
  const labels = [600, 660, 661].map((lag_seconds) => standingOf(aSync({ lag_seconds })).label);
  expect(labels).toEqual(['Active', 'Active', 'Behind']);
  expect(standingOf(aSync({ state: 'paused', lag_seconds: null })).label).toBe('Paused');
});

it('its objects in words', () => {
  expect(describeObjects(aSync())).toBe('NDJSON, gzip, every 5 min');
  const parquet = aSync({ format: 'parquet', compression: 'none', denied: true, interval_seconds: 86_400 });
  expect(describeObjects(parquet)).toBe('Parquet, every 1 d, with denied attempts');
  expect(describeBackfill([aBackfill({ state: 'done', objects: 0 })], 0)).toBe('done, 0 objects');
  expect(describeBackfill([aBackfill({ state: 'cancelled', objects: 1 })], 0)).toBe('cancelled after 240 of 744 hours, 1 object');
});

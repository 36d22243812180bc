import { expect, it } from 'vitest';
import { aSchedule } from '../../testing/builders';
import { NO_FILTER } from './filterForm';
import type { FileForm } from './reportForm';
import { formOf, initialSchedule, ranges, scheduleOf, validateSchedule, whenOf } from './scheduleForm';

const form = { ...initialSchedule('Europe/Berlin'), name: ' Nightly ' };

it('times are written as the console reads them', () => {
  expect(whenOf({ ...form, often: 'hourly', time: '06:15' })).toBe('hourly at :15');
  expect(whenOf(form)).toBe('daily at 06:00');
  expect(whenOf({ ...form, often: 'weekly', weekday: 'friday' })).toBe('weekly on friday at 06:00');
  expect(whenOf({ ...form, often: 'monthly', day: 31 })).toBe('monthly on day 31 at 06:00');
  expect(whenOf({ ...form, often: 'cron', cron: ' 0 6 * * 1-5 ' })).toBe('0 6 * * 1-5');
  expect(whenOf({ ...form, often: 'never' })).toBeNull();
});

it('what is kept has the name without blanks around it', () => {
  const file = { ...form.file, kind: 'summary', format: 'parquet', compression: 'none' } as const;
  expect(scheduleOf({ ...form, file })).toMatchObject({ name: 'Nightly', kind: 'summary', format: 'parquet', compression: 'none' });
  expect(scheduleOf(form)).toEqual({
    name: 'Nightly',
    when: 'daily at 06:00',
    range: 'yesterday',
    zone: 'Europe/Berlin',
    remote_networks: [],
    kind: 'events',
    format: 'csv',
    columns: [],
    denied: false,
    compression: 'gzip',
    byte_order_mark: false,
    formula_guard: false,
    table: null,
    split: null,
  });
});

it.each([
  null,
  'hourly at :15',
  'daily at 06:00',
  'weekly on friday at 23:59',
  'monthly on day 31 at 06:00',
  '0 6 * * 1-5',
  'weekly on monday, friday at 06:00',
  'weekly on monday and friday at 06:00',
  'monthly on last day at 06:00',
  'daily at 6:00',
  'daily on monday at 06:00',
  'hourly at 06:15',
])('times that were kept are changed as they are: %s', (when) => {
  const kept = formOf(aSchedule({ when }));
  expect(whenOf(kept)).toBe(when);
  expect(kept.often).not.toBe(when === null ? 'cron' : 'never');
});

it('what was kept is kept again where nothing is changed', () => {
  const schedule = aSchedule({
    range: 'last 14 days',
    remote_networks: ['64894'],
    columns: ['user'],
    denied: true,
    byte_order_mark: true,
    formula_guard: true,
    split: { rows: 5_000, bytes: 2_000_000 },
    users: ['1'],
    protocols: ['tcp'],
    resource_addresses: ['10.0.0.0/8'],
    receivers: ['jo@acme.example'],
  });
  const { id, state, reason, owner, next_runs, last_run, ...kept } = schedule;
  // What lets everything through is not sent.
  expect({ ...NO_FILTER, domain: null, ...scheduleOf(formOf(schedule)) }).toEqual(kept);
  expect(ranges(schedule.range).map(({ label }) => label)).toContain('Last 14 days');
});

it('what is missing is said at its field', () => {
  expect(validateSchedule(form)).toEqual({});
  const nothing: FileForm = { ...form.file, kind: 'traffic', table: { bucket: null, by: [], measures: [] } };
  expect(Object.keys(validateSchedule({ ...form, file: nothing }))).toEqual(['table']);
  const filter = { ...NO_FILTER, ports: ['https'] };
  expect(Object.keys(validateSchedule({ ...form, filter, receivers: ['ops'] }))).toEqual(['ports', 'receivers']);
  expect(Object.keys(validateSchedule({ ...form, name: ' ', time: '', zone: 'Mars/Base' }))).toEqual(['name', 'when', 'zone']);
});

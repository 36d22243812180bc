import { expect, it } from 'vitest';
import { presetRange } from '../../format/presets';
import { USUAL_TABLE } from '../../format/tables';
import { fitting, initialForm, reportOf, validate } from './reportForm';

const form = initialForm(new Date('2026-11-24T12:00:30Z'), 'Europe/Berlin');
const entered = { ...form, preset: null };

it('is valid as it is opened: the last day, all Remote Networks', () => {
  expect(validate(form)).toEqual({});
  expect(form).toMatchObject({ from: '2026-11-23T13:01', to: '2026-11-24T13:01', remote_networks: [], denied: false });
});

it('a range has a start and an end', () => {
  expect(validate({ ...entered, from: '', to: '2026-11' })).toEqual({
    from: 'Enter a date and a time.',
    to: 'Enter a date and a time.',
  });
});

it('a range that ends where it starts is empty', () => {
  expect(validate({ ...entered, from: form.to })).toEqual({ to: 'The end must be after the start.' });
});

it.each(['Europe/Berlin', 'UTC'])('an end that looks earlier is right where it occurs twice: %s', (zone) => {
  const range = { from: '2026-10-25T02:30', to: '2026-10-25T02:15' };
  const isRight = zone !== 'UTC';
  expect(validate({ ...entered, ...range, zone }).to).toBe(isRight ? undefined : 'The end must be after the start.');
});

it('a range is asked for by its name until another is entered', () => {
  // The last hour of a night in which clocks went back: both its ends are 02:06.
  const night = initialForm(new Date('2026-10-25T01:05:30Z'), 'Europe/Berlin');
  const hour = { ...night, ...presetRange('last hour', new Date('2026-10-25T01:05:30Z'), 'Europe/Berlin'), preset: 'last hour' };
  expect(hour).toMatchObject({ from: '2026-10-25T02:06', to: '2026-10-25T02:06' });
  expect(validate(hour)).toEqual({});
  expect(reportOf(hour)).toMatchObject({ range: 'last hour', zone: 'Europe/Berlin' });
  expect(reportOf(hour)).not.toHaveProperty('from');
  expect(reportOf({ ...hour, preset: null })).toMatchObject({ from: '2026-10-25T02:06', to: '2026-10-25T02:06' });
  expect(reportOf({ ...hour, preset: null })).not.toHaveProperty('range');
});

it('years are from 1970 to 2100', () => {
  expect(validate({ ...form, from: '1969-12-31T23:59' }).from).toContain('1970');
  expect(validate({ ...form, to: '2101-01-01T00:00' }).to).toContain('2100');
});

it('the zone must be one', () => {
  expect(validate({ ...form, zone: 'Mars/Olympus' })).toEqual({ zone: 'Choose a time zone.' });
});

it('what is not narrowed and not named is not sent', () => {
  const plain = reportOf(entered);
  expect(Object.keys(plain).sort()).toEqual([
    ...['byte_order_mark', 'columns', 'compression', 'denied', 'format', 'formula_guard', 'from', 'kind'],
    ...['remote_networks', 'split', 'table', 'to', 'zone'],
  ]);
  const narrowed = reportOf({ ...entered, filter: { ...form.filter, devices: ['7'] }, receivers: ['ops@acme.example'] });
  expect(narrowed).toEqual({ ...plain, devices: ['7'], receivers: ['ops@acme.example'] });
});

it('filters and receivers that are wrong are said', () => {
  expect(validate({ ...form, filter: { ...form.filter, devices: ['laptop'] }, receivers: ['ops'] })).toEqual({
    devices: 'Enter ids, which are whole numbers.',
    receivers: 'Enter e-mail addresses.',
  });
});

it('a table is there for traffic alone', () => {
  const traffic = fitting({ ...form, kind: 'traffic' });
  expect(traffic.table).toEqual(USUAL_TABLE);
  expect(validate(traffic)).toEqual({});
  expect(fitting({ ...traffic, kind: 'users' }).table).toBeNull();
});

it('what does not fit the kind or the format is taken back', () => {
  const all = { ...form, denied: true, columns: ['user'], byte_order_mark: true, formula_guard: true };
  expect(fitting(all)).toEqual(all);
  const plain = { byte_order_mark: false, formula_guard: false };
  expect(fitting({ ...all, format: 'ndjson' })).toEqual({ ...all, ...plain, format: 'ndjson', columns: [] });
  const parquet = { ...all, format: 'parquet', compression: 'zstd' } as const;
  expect(fitting(parquet)).toEqual({ ...parquet, ...plain, compression: 'none' });
  const sized = { ...all, split: { by: 'size' as const, rows: 5_000, megabytes: 2 } };
  expect(fitting(sized)).toEqual(sized);
  expect(fitting({ ...sized, format: 'parquet' }).split).toEqual(sized.split);
  expect(fitting({ ...all, kind: 'summary', format: 'ndjson' })).toEqual({
    ...all,
    kind: 'summary',
    denied: false,
    columns: [],
  });
});

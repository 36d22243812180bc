import { expect, it } from 'vitest';
import type { FileChoice } from '../../api/types';
import { initialSchedule, scheduleOf, validateSchedule, whenOf } from './scheduleForm';

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
  });
});

it('what is missing is said at its field', () => {
  expect(validateSchedule(form)).toEqual({});
  const nothing: FileChoice = { ...form.file, kind: 'traffic', table: { bucket: null, by: [], measures: [] } };
  expect(Object.keys(validateSchedule({ ...form, file: nothing }))).toEqual(['table']);
  expect(Object.keys(validateSchedule({ ...form, name: ' ', time: '', zone: 'Mars/Base' }))).toEqual(['name', 'when', 'zone']);
});

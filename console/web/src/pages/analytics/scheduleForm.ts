/// The form of schedules without its looks: pure.
import type { NewSchedule, Schedule, Times } from '../../api/types';
import { rangeLabel } from '../../format/presets';
import { receiversError } from '../../format/tags';
import { isZone } from '../../format/times';
import type { Errors } from '../../hooks/useForm';
import { type FilterForm, filterFormOf, filterOf, NO_FILTER, validateFilter } from './filterForm';
import { ASKING_FIELDS, type FileForm, tableError, USUAL_FILE } from './reportForm';
import { splitFormOf, splitOf, validateSplit } from './splitForm';

export type Often = 'hourly' | 'daily' | 'weekly' | 'monthly' | 'cron' | 'never';

export const OFTEN: readonly { value: Often; label: string }[] = [
  { value: 'hourly', label: 'Every hour' },
  { value: 'daily', label: 'Every day' },
  { value: 'weekly', label: 'Every week' },
  { value: 'monthly', label: 'Every month' },
  { value: 'cron', label: 'By cron' },
  { value: 'never', label: 'Only by hand' },
];

export const WEEKDAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;

const RANGES = [
  'yesterday',
  'last 7 days',
  'last week',
  'last month',
  'this month',
  'last 24 hours',
  'since last run',
];

/** Those that are offered, and the one that it has. */
export function ranges(chosen: string): { value: string; label: string }[] {
  return [...new Set([...RANGES, chosen])].map((value) => ({ value, label: rangeLabel(value) }));
}

export interface ScheduleForm {
  name: string;
  often: Often;
  /** `06:00` */
  time: string;
  weekday: string;
  /** 1 to 31; the last day where a month is shorter. */
  day: number;
  cron: string;
  range: string;
  zone: string;
  remote_networks: string[];
  filter: FilterForm;
  /** Empty: who saves it. */
  receivers: string[];
  file: FileForm;
}

/** The names of its fields that the form shares with the server. */
export const SCHEDULE_FIELDS = ['name', 'when', 'range', ...ASKING_FIELDS] as const;

export type ScheduleErrors = Errors<(typeof SCHEDULE_FIELDS)[number]>;

/** Each morning, of the day before; packed, since it is kept. */
export function initialSchedule(zone: string): ScheduleForm {
  const when = { often: 'daily' as const, time: '06:00', weekday: 'monday', day: 1, cron: '0 6 * * 1-5' };
  const file: FileForm = { ...USUAL_FILE, compression: 'gzip' };
  return { name: '', ...when, range: 'yesterday', zone, remote_networks: [], filter: NO_FILTER, receivers: [], file };
}

/** A schedule as it is, to be changed. */
export function formOf(schedule: Schedule): ScheduleForm {
  const { name, range, zone, remote_networks, receivers, split, table } = schedule;
  const { denied, kind, format, columns, compression, byte_order_mark, formula_guard } = schedule;
  const file = { denied, kind, format, columns, compression, byte_order_mark, formula_guard, table, split: splitFormOf(split) };
  const filter = filterFormOf(schedule);
  return { ...initialSchedule(zone), ...timesOf(schedule.when), name, range, remote_networks, filter, receivers, file };
}

const TIMES = /^(hourly|daily|weekly|monthly)(?: on (?:day )?(\w+))? at (\d{2}:\d{2}|:\d{2})$/;

/** What `whenOf` wrote; whatever else was kept by API or command line stays text. */
function timesOf(when: string | null): Partial<ScheduleForm> {
  if (when === null) return { often: 'never' };
  const [, often, on, at = ''] = TIMES.exec(when) ?? [];
  const times: Partial<ScheduleForm> = {
    often: often as Often,
    time: at.padStart(5, '0'),
    ...(often === 'weekly' && { weekday: on ?? '' }),
    ...(often === 'monthly' && { day: Number(on) }),
  };
  const isSame = often !== undefined && whenOf({ ...initialSchedule('UTC'), ...times }) === when;
  return isSame ? times : { often: 'cron', cron: when };
}

/** The times in words; null: only by hand. */
export function whenOf({ often, time, weekday, day, cron }: ScheduleForm): string | null {
  switch (often) {
    case 'hourly':
      return `hourly at :${time.slice(3)}`;
    case 'daily':
      return `daily at ${time}`;
    case 'weekly':
      return `weekly on ${weekday} at ${time}`;
    case 'monthly':
      return `monthly on day ${day} at ${time}`;
    case 'cron':
      return cron.trim();
    case 'never':
      return null;
  }
}

/** What its next reports depend on; null where something is wrong with it. */
export function previewOf(form: ScheduleForm): Times | null {
  const { range, zone } = form;
  const when = whenOf(form);
  const { when: wrong, zone: nowhere } = validateSchedule(form);
  return wrong || nowhere ? null : { when, range, zone };
}

export function scheduleOf(form: ScheduleForm): NewSchedule {
  const { name, range, zone, remote_networks, filter, receivers, file } = form;
  return {
    name: name.trim(),
    when: whenOf(form),
    range,
    zone,
    remote_networks,
    ...filterOf(filter),
    ...(receivers.length > 0 && { receivers }),
    ...file,
    split: splitOf(file.split),
  };
}

/** What is wrong with the form; empty when nothing is. The server has the last word. */
export function validateSchedule(form: ScheduleForm): ScheduleErrors {
  const errors: ScheduleErrors = { ...validateSplit(form.file.split), ...validateFilter(form.filter) };
  if (form.name.trim() === '') errors.name = 'Enter a name.';
  if (!/^\d{2}:\d{2}$/.test(form.time)) errors.when = 'Enter a time of the day.';
  if (!isZone(form.zone)) errors.zone = 'Choose a time zone.';
  const receivers = receiversError(form.receivers);
  if (receivers) errors.receivers = receivers;
  const table = tableError(form.file);
  if (table) errors.table = table;
  return errors;
}

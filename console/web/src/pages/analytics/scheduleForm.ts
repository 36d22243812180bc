/// The New Schedule form without its looks: pure.
import type { FileChoice, NewSchedule } from '../../api/types';
import { isZone } from '../../format/times';
import type { Errors } from '../../hooks/useSubmit';
import { FILE_FIELDS, tableError, USUAL_FILE } from './reportForm';

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

export const RANGES: readonly { value: string; label: string }[] = [
  { value: 'yesterday', label: 'Yesterday' },
  { value: 'last 7 days', label: 'Last 7 days' },
  { value: 'last week', label: 'Last week' },
  { value: 'last month', label: 'Last month' },
  { value: 'this month', label: 'This month so far' },
  { value: 'last 24 hours', label: 'Last 24 hours' },
  { value: 'since last run', label: 'Since the last run' },
];

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
  file: FileChoice;
}

/** The names of its fields that the form shares with the server. */
export const SCHEDULE_FIELDS = ['name', 'when', 'range', 'zone', 'remote_networks', ...FILE_FIELDS] as const;

export type ScheduleErrors = Errors<(typeof SCHEDULE_FIELDS)[number]>;

/** Each morning, of the day before; packed, since it is kept. */
export function initialSchedule(zone: string): ScheduleForm {
  const when = { often: 'daily' as const, time: '06:00', weekday: 'monday', day: 1, cron: '0 6 * * 1-5' };
  const file: FileChoice = { ...USUAL_FILE, compression: 'gzip' };
  return { name: '', ...when, range: 'yesterday', zone, remote_networks: [], file };
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

export function scheduleOf(form: ScheduleForm): NewSchedule {
  const { name, range, zone, remote_networks, file } = form;
  return { name: name.trim(), when: whenOf(form), range, zone, remote_networks, ...file };
}

/** What is wrong with the form; empty when nothing is. The server has the last word. */
export function validateSchedule(form: ScheduleForm): ScheduleErrors {
  const errors: ScheduleErrors = {};
  if (form.name.trim() === '') errors.name = 'Enter a name.';
  if (!/^\d{2}:\d{2}$/.test(form.time)) errors.when = 'Enter a time of the day.';
  if (!isZone(form.zone)) errors.zone = 'Choose a time zone.';
  const table = tableError(form.file);
  if (table) errors.table = table;
  return errors;
}

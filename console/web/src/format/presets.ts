/// Ranges that admins ask for often. They have the names that API, command line and schedules have for them, and are asked for by them;
/// the local times are what a form shows, to the minute: what goes until now goes to its end.
import { toLocal } from './times';

export interface LocalRange {
  from: string;
  to: string;
}

export interface Preset {
  name: string;
  range: (now: Date, zone: string) => LocalRange;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The end is not in the range: the next whole minute, so that what just ended is in. */
const endOf = (now: Date) => new Date(Math.ceil((now.getTime() + 1) / MINUTE) * MINUTE);

function last(milliseconds: number) {
  return (now: Date, zone: string): LocalRange => {
    const to = endOf(now);
    return { from: toLocal(new Date(to.getTime() - milliseconds), zone), to: toLocal(to, zone) };
  };
}

/** Midnight of the day so many days before the one it is now. */
function midnight(now: Date, zone: string, daysBefore: number): string {
  const today = Date.parse(`${toLocal(now, zone).slice(0, 10)}T00:00Z`);
  return toLocal(new Date(today - daysBefore * DAY), 'UTC');
}

/** So many whole days before the one it is now. */
function lastDays(count: number) {
  return (now: Date, zone: string): LocalRange => ({ from: midnight(now, zone, count), to: midnight(now, zone, 0) });
}

/** Midnight of the first day of a month that is so many months from the one it is now. */
function firstOfMonth(now: Date, zone: string, months: number): string {
  const [year = 1970, month = 1] = toLocal(now, zone).split('-').map(Number);
  const since = year * 12 + month - 1 + months;
  return `${Math.floor(since / 12)}-${String((since % 12) + 1).padStart(2, '0')}-01T00:00`;
}

function firstOfYear(now: Date, zone: string, years: number): string {
  return `${Number(toLocal(now, zone).slice(0, 4)) + years}-01-01T00:00`;
}

export const LAST_DAY: Preset = { name: 'last 24 hours', range: last(DAY) };

export const PRESETS: readonly Preset[] = [
  { name: 'last hour', range: last(HOUR) },
  LAST_DAY,
  { name: 'yesterday', range: lastDays(1) },
  { name: 'last 7 days', range: lastDays(7) },
  { name: 'last 30 days', range: lastDays(30) },
  {
    name: 'this month',
    range: (now, zone) => ({ from: firstOfMonth(now, zone, 0), to: toLocal(endOf(now), zone) }),
  },
  {
    name: 'last month',
    range: (now, zone) => ({ from: firstOfMonth(now, zone, -1), to: firstOfMonth(now, zone, 0) }),
  },
  {
    name: 'last year',
    range: (now, zone) => ({ from: firstOfYear(now, zone, -1), to: firstOfYear(now, zone, 0) }),
  },
];

/** The local times of a preset as seen from now; none where there is none of this name. */
export function presetRange(name: string | null, now: Date, zone: string): Partial<LocalRange> {
  return PRESETS.find((preset) => preset.name === name)?.range(now, zone) ?? {};
}

/** A range's name as a label. */
export function rangeLabel(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

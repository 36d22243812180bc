/// Ranges that admins ask for often, as local times of a zone.
import { toLocal } from './times';

export interface LocalRange {
  from: string;
  to: string;
}

export interface Preset {
  label: string;
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

/** Midnight of the first day of a month that is so many months from the one it is now. */
function firstOfMonth(now: Date, zone: string, months: number): string {
  const [year = 1970, month = 1] = toLocal(now, zone).split('-').map(Number);
  const since = year * 12 + month - 1 + months;
  return `${Math.floor(since / 12)}-${String((since % 12) + 1).padStart(2, '0')}-01T00:00`;
}

function firstOfYear(now: Date, zone: string, years: number): string {
  return `${Number(toLocal(now, zone).slice(0, 4)) + years}-01-01T00:00`;
}

export const LAST_DAY: Preset = { label: 'Last 24 hours', range: last(DAY) };

export const PRESETS: readonly Preset[] = [
  { label: 'Last hour', range: last(HOUR) },
  LAST_DAY,
  { label: 'Last 7 days', range: last(7 * DAY) },
  { label: 'Last 30 days', range: last(30 * DAY) },
  {
    label: 'This month',
    range: (now, zone) => ({ from: firstOfMonth(now, zone, 0), to: toLocal(endOf(now), zone) }),
  },
  {
    label: 'Last month',
    range: (now, zone) => ({ from: firstOfMonth(now, zone, -1), to: firstOfMonth(now, zone, 0) }),
  },
  {
    label: 'Last year',
    range: (now, zone) => ({ from: firstOfYear(now, zone, -1), to: firstOfYear(now, zone, 0) }),
  },
];

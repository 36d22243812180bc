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
const DAY = 24 * 60 * MINUTE;

function lastDays(days: number) {
  return (now: Date, zone: string): LocalRange => {
    // The end is not in the range: up to the next whole minute, so that what just ended is in.
    const to = new Date(Math.ceil((now.getTime() + 1) / MINUTE) * MINUTE);
    return { from: toLocal(new Date(to.getTime() - days * DAY), zone), to: toLocal(to, zone) };
  };
}

function lastMonth(now: Date, zone: string): LocalRange {
  const [year = 1970, month = 1] = toLocal(now, zone).split('-').map(Number);
  const firstOf = (y: number, m: number) => `${y}-${String(m).padStart(2, '0')}-01T00:00`;
  return {
    from: month === 1 ? firstOf(year - 1, 12) : firstOf(year, month - 1),
    to: firstOf(year, month),
  };
}

export const PRESETS: readonly Preset[] = [
  { label: 'Last 24 hours', range: lastDays(1) },
  { label: 'Last 7 days', range: lastDays(7) },
  { label: 'Last 30 days', range: lastDays(30) },
  { label: 'Last month', range: lastMonth },
];

/// Moments in time zones. A local time is text as a datetime-local field has it: `2026-11-01T00:00`.

/** IANA name of the viewer's zone. */
export function viewersZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
}

/** Every zone the browser knows, with UTC and the viewer's own always among them. */
export function allZones(): string[] {
  return [...new Set(['UTC', viewersZone(), ...Intl.supportedValuesOf('timeZone')])].sort((a, b) => a.localeCompare(b));
}

export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

type Parts = Record<'year' | 'month' | 'day' | 'hour' | 'minute' | 'second', string>;

function partsIn(moment: Date, zone: string): Parts {
  const format = new Intl.DateTimeFormat('en', {
    timeZone: isZone(zone) ? zone : 'UTC',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
  return Object.fromEntries(format.formatToParts(moment).map(({ type, value }) => [type, value])) as Parts;
}

/** `2026-11-24 13:02:05` in the zone; to the minute when `precision` says so. Nothing for what is no time. */
export function formatTime(time: string, zone: string, precision: 'second' | 'minute' = 'second'): string {
  const moment = new Date(time);
  if (Number.isNaN(moment.getTime())) return '';
  const { year, month, day, hour, minute, second } = partsIn(moment, zone);
  const toTheMinute = `${year}-${month}-${day} ${hour}:${minute}`;
  return precision === 'minute' ? toTheMinute : `${toTheMinute}:${second}`;
}

/** `2026-11-01 00:00 – 2026-11-08 00:00 Europe/Berlin` */
export function formatRange(from: string, to: string, zone: string): string {
  const shown = isZone(zone) ? zone : 'UTC';
  return `${formatTime(from, shown, 'minute')} – ${formatTime(to, shown, 'minute')} ${shown}`;
}

/** The moment as a local time of the zone, to the minute. */
export function toLocal(moment: Date, zone: string): string {
  return formatTime(moment.toISOString(), zone, 'minute').replace(' ', 'T');
}

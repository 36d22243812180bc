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

/** Made once for each zone: making one takes longer than all that is done with it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
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
  formats.set(zone, format);
  return format;
}

function partsIn(moment: Date, zone: string): Parts {
  const format = formatOf(zone);
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

/** To the minute, with the offset where the zone's clocks show it twice: `2026-10-25 02:30 +01:00`. */
export function formatMoment(time: string, zone: string): string {
  const shown = formatTime(time, zone, 'minute');
  if (!occursTwice(shown.replace(' ', 'T'), zone)) return shown;
  return `${shown} ${formatOffset(offsetAt(Date.parse(time), zone))}`;
}

/** `2026-11-01 00:00 – 2026-11-08 00:00 Europe/Berlin` */
export function formatRange(from: string, to: string, zone: string): string {
  const shown = isZone(zone) ? zone : 'UTC';
  return `${formatMoment(from, shown)} – ${formatMoment(to, shown)} ${shown}`;
}

/** The moment as a local time of the zone, to the minute. */
export function toLocal(moment: Date, zone: string): string {
  return formatTime(moment.toISOString(), zone, 'minute').replace(' ', 'T');
}

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;

/** By how much the zone's clocks are ahead of UTC, in milliseconds. */
function offsetAt(moment: number, zone: string): number {
  const { year, month, day, hour, minute, second } = partsIn(new Date(moment), zone);
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) - Math.floor(moment / 1_000) * 1_000;
}

/** `+02:00` */
function formatOffset(offset: number): string {
  const minutes = Math.round(Math.abs(offset) / MINUTE_MS);
  const twoDigits = (number: number) => String(number).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
}

/** Whether the zone's clocks show the local time twice, since they go back. */
function occursTwice(local: string, zone: string): boolean {
  const shown = Date.parse(`${local}Z`);
  if (Number.isNaN(shown)) return false;
  // Clocks go back by less than a day: the offsets around it are those that it may have.
  const offsets = new Set([offsetAt(shown - DAY_MS, zone), offsetAt(shown + DAY_MS, zone)]);
  return [...offsets].filter((offset) => offsetAt(shown - offset, zone) === offset).length === 2;
}

/** Whether there is surely nothing between two local times. They are written alike: but in an hour that occurs twice, their order as text is their order. */
export function isEmptyRange(from: string, to: string, zone: string): boolean {
  return from >= to && !occursTwice(to, zone);
}

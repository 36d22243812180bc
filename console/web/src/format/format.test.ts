import { describe, expect, it } from 'vitest';
import { formatBytes, formatCountOf } from './bytes';
import { describeStatus, formatAddress, formatNetwork, formatRelay } from './connections';
import { formatDuration } from './durations';
import { describeEstimate } from './estimates';
import { describeFile } from './files';
import { describeFilter } from './filters';
import { PRESETS, rangeLabel } from './presets';
import { visibleText } from './names';
import { describeState, progressPercent, stateDetail } from './progress';
import { eachOnce, receiversError } from './tags';
import { describeTries } from './webhooks';
import { allZones, formatMoment, formatRange, formatTime, isEmptyRange, isZone, toLocal } from './times';
import { FILTER_FIELDS } from '../pages/analytics/filterForm';
import { aDelivery, anEstimate, aReport } from '../testing/builders';

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [9_960, '10 kB'],
    [999_600, '1.0 MB'],
    [12_345_678, '12 MB'],
    [9.2e18, '9.2 EB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it('one row is not one rows', () => {
    expect(formatCountOf(1, 'row')).toBe('1 row');
    expect(formatCountOf(1_234, 'row')).toBe('1,234 rows');
  });
});

describe('values that are typed', () => {
  it('are several where several were entered in one go', () => {
    expect(eachOnce(['a@x.example, b@x.example;', 'a@x.example'])).toEqual(['a@x.example', 'b@x.example']);
    expect(eachOnce(['7 8\n9', ' '])).toEqual(['7', '8', '9']);
  });

  it('of receivers are e-mail addresses', () => {
    expect(receiversError([])).toBeUndefined();
    expect(receiversError(['ops@acme.example'])).toBeUndefined();
    expect(receiversError(['ops@acme.example', 'ops'])).toBe('Enter e-mail addresses.');
  });
});

describe('how large a report would be', () => {
  it.each([
    [{}, 'About 1,235,000 connections, some 306 MB.'],
    [{ exact: true }, '1,234,567 connections, some 306 MB.'],
    [{ connections: 1, rows: 1, size_bytes: 248, exact: true }, '1 connection, some 248 B.'],
    [{ rows: 41, size_bytes: null }, 'About 1,235,000 connections, 41 rows, a file whose size is known once it is made.'],
    [{ rows: null, size_bytes: null }, 'About 1,235,000 connections, a file whose size is known once it is made.'],
    [{ connections: 0, rows: 0, size_bytes: 0 }, 'No connections so far.'],
    [{ connections: 0, rows: null, size_bytes: null, exact: true }, 'No connections.'],
  ])('%o is told as %s', (changes, text) => expect(describeEstimate(anEstimate(changes))).toBe(text));
});

describe('which connections', () => {
  it('each field that narrows them is told, in words that are shown', () => {
    const filter = { users: ['7'], ports: ['443', '8000-8999'], devices: [], domain: null };
    expect(describeFilter({ ...filter, protocols: ['tcp'], statuses: ['DNS_ERROR'], tunnel_paths: ['relay'] })).toEqual([
      { field: 'User', values: ['7'] },
      { field: 'protocol', values: ['TCP'] },
      { field: 'ports', values: ['443', '8000-8999'] },
      { field: 'status', values: [describeStatus('DNS_ERROR')] },
      { field: 'tunnel path', values: ['Relay'] },
    ]);
    expect(describeFilter({ domain: 'corp' })).toEqual([{ field: 'domain', values: ['corp'] }]);
    expect(describeFilter({})).toEqual([]);
  });

  it('no field is left out', () => {
    const all = FILTER_FIELDS.map((field) => ({ [field]: field === 'domain' ? 'corp' : ['7'] }));
    for (const filter of all) expect(describeFilter(filter), JSON.stringify(filter)).toHaveLength(1);
  });
});

describe('durations', () => {
  it.each([
    [0, '0 ms'],
    [250, '250 ms'],
    [4_240, '4.2 s'],
    [42_000, '42 s'],
    [59_999, '1 min'],
    [200_000, '3 min 20 s'],
    [3_600_000, '1 h'],
    [183_600_000, '2 d 3 h'],
  ])('%d ms are %s', (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));
});

describe('times', () => {
  it('a time is shown in the zone, whatever the machine has', () => {
    expect(formatTime('2024-02-20T23:16:05.92Z', 'Europe/Berlin')).toBe('2024-02-21 00:16:05');
    expect(formatTime('2024-02-20T23:16:05.92Z', 'America/New_York')).toBe('2024-02-20 18:16:05');
  });

  it('both midnights of a zone are 00:00, never 24:00', () => {
    expect(formatTime('2024-06-01T22:00:00Z', 'Europe/Berlin', 'minute')).toBe('2024-06-02 00:00');
  });

  it('what is no time is shown as nothing', () => {
    expect(formatTime('soon', 'UTC')).toBe('');
  });

  it('a range is shown in the zone it was entered in, and in UTC where that zone is not known here', () => {
    const [from, to] = ['2026-10-31T23:00:00Z', '2026-11-07T23:00:00Z'];
    expect(formatRange(from, to, 'Europe/Berlin')).toBe('2026-11-01 00:00 – 2026-11-08 00:00 Europe/Berlin');
    expect(formatRange(from, to, 'Mars/Olympus')).toBe('2026-10-31 23:00 – 2026-11-07 23:00 UTC');
  });

  it('a time that the clocks show twice has its offset', () => {
    const [from, to] = ['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z'];
    expect(formatRange(from, to, 'Europe/Berlin')).toBe('2026-10-25 02:30 +02:00 – 2026-10-25 02:30 +01:00 Europe/Berlin');
    expect(formatRange(from, to, 'UTC')).toBe('2026-10-25 00:30 – 2026-10-25 01:30 UTC');
    expect(formatMoment('2026-10-24T23:59:00Z', 'Europe/Berlin')).toBe('2026-10-25 01:59');
    expect(formatMoment('2026-10-25T02:00:00Z', 'Europe/Berlin')).toBe('2026-10-25 03:00');
    expect(formatMoment('2026-03-29T01:00:00Z', 'Europe/Berlin')).toBe('2026-03-29 03:00');
    expect(formatMoment('2026-11-01T06:30:00Z', 'America/New_York')).toBe('2026-11-01 01:30 -05:00');
    // By half an hour.
    expect(formatMoment('2026-04-04T14:45:00Z', 'Australia/Lord_Howe')).toBe('2026-04-05 01:45 +11:00');
    expect(formatMoment('soon', 'Europe/Berlin')).toBe('');
  });

  it('a range is empty where its end is surely not after its start', () => {
    const from = '2026-10-25T02:30';
    expect(isEmptyRange(from, '2026-10-25T02:00', 'Europe/Berlin')).toBe(false);
    expect(isEmptyRange(from, '2026-10-25T01:59', 'Europe/Berlin')).toBe(true);
    expect(isEmptyRange(from, from, 'UTC')).toBe(true);
    expect(isEmptyRange(from, '2026-10-25T02:31', 'UTC')).toBe(false);
  });

  it('local times follow the clock change', () => {
    expect(toLocal(new Date('2026-10-25T00:30:00Z'), 'Europe/Berlin')).toBe('2026-10-25T02:30');
    expect(toLocal(new Date('2026-10-25T01:30:00Z'), 'Europe/Berlin')).toBe('2026-10-25T02:30');
  });

  it('UTC is among the zones, and no zone is there twice', () => {
    const zones = allZones();
    expect(zones).toContain('UTC');
    expect(new Set(zones).size).toBe(zones.length);
    expect(isZone('Nowhere/Land')).toBe(false);
  });
});

describe('presets', () => {
  const range = (label: string, now: string, zone: string) =>
    PRESETS.find(({ name }) => rangeLabel(name) === label)?.range(new Date(now), zone);

  it('have names that API, command line and schedules know', () => {
    const known = ['last hour', 'today', 'yesterday', 'this week', 'last week', 'this month', 'last month', 'this year', 'last year'];
    for (const { name } of PRESETS) expect(known.includes(name) || /^last \d+ (hours|days)$/.test(name), name).toBe(true);
  });

  it('days are the whole ones of the zone before today, over a clock change and the turn of the year too', () => {
    expect(range('Last 7 days', '2026-11-24T23:30:00Z', 'Europe/Berlin')).toEqual({
      from: '2026-11-18T00:00',
      to: '2026-11-25T00:00',
    });
    expect(range('Last 7 days', '2026-10-28T12:00:00Z', 'Europe/Berlin')).toEqual({
      from: '2026-10-21T00:00',
      to: '2026-10-28T00:00',
    });
    expect(range('Last 30 days', '2027-01-15T00:00:00Z', 'UTC')).toEqual({
      from: '2026-12-16T00:00',
      to: '2027-01-15T00:00',
    });
    expect(range('Yesterday', '2027-01-01T04:59:00Z', 'America/New_York')).toEqual({
      from: '2026-12-30T00:00',
      to: '2026-12-31T00:00',
    });
  });

  it('the last 24 hours reach to the next whole minute, so that what just ended is in', () => {
    expect(range('Last 24 hours', '2026-11-24T12:00:30Z', 'UTC')).toEqual({
      from: '2026-11-23T12:01',
      to: '2026-11-24T12:01',
    });
  });

  it('the last hour reaches to the next whole minute', () => {
    expect(range('Last hour', '2026-11-24T12:00:30Z', 'UTC')).toEqual({
      from: '2026-11-24T11:01',
      to: '2026-11-24T12:01',
    });
  });

  it('this month reaches to now, and the last year is that of the zone', () => {
    expect(range('This month', '2026-12-31T23:30:00Z', 'Europe/Berlin')).toEqual({
      from: '2027-01-01T00:00',
      to: '2027-01-01T00:31',
    });
    expect(range('Last year', '2026-12-31T23:30:00Z', 'Europe/Berlin')).toEqual({
      from: '2026-01-01T00:00',
      to: '2027-01-01T00:00',
    });
  });

  it('the last month is that of the zone, over the turn of the year too', () => {
    expect(range('Last month', '2026-12-31T23:30:00Z', 'Europe/Berlin')).toEqual({
      from: '2026-12-01T00:00',
      to: '2027-01-01T00:00',
    });
    expect(range('Last month', '2027-01-15T00:00:00Z', 'UTC')).toEqual({
      from: '2026-12-01T00:00',
      to: '2027-01-01T00:00',
    });
  });
});

describe('progress', () => {
  it('nobody knows how far a report is before its rows are counted', () => {
    expect(progressPercent(aReport({ state: 'running', rows: 10 }))).toBeNull();
  });

  it('is never 100 before the report is completed', () => {
    expect(progressPercent(aReport({ state: 'running', rows: 100, rows_expected: 100 }))).toBe(99);
    expect(progressPercent(aReport({ state: 'completed', rows: 0, rows_expected: 0 }))).toBe(100);
  });

  it('is told in words for every state', () => {
    const told = (changes: Parameters<typeof aReport>[0]) => describeState(aReport(changes));
    expect(told({ state: 'requested' })).toBe('Requested');
    expect(told({ state: 'waiting', events_behind: 1_200 })).toBe('Waiting for ingest: 1,200 events behind');
    expect(told({ state: 'waiting' })).toBe('Waiting for ingest');
    expect(told({ state: 'running', rows: 5, rows_expected: 10 })).toBe('Running: 5 of 10 rows');
    expect(told({ state: 'running', rows: 5, rows_expected: 10, merging: true })).toBe('Running: 5 of 10 rows merged');
    expect(told({ state: 'running', rows: 5 })).toBe('Running: 5 rows so far');
    expect(told({ state: 'completed', rows: 1, size_bytes: 420 })).toBe('Completed: 1 row, 420 B');
    expect(told({ state: 'failed', reason: 'the store is full' })).toBe('Failed: the store is full');
    expect(told({ state: 'running', rows: 5, cancel_requested: true })).toBe('Running: It is being cancelled.');
  });

  it.each([
    ['2026-11-24T12:00:20Z', 'less than a minute left'],
    ['2026-11-24T11:00:00Z', 'less than a minute left'],
    ['2026-11-24T12:03:10Z', 'about 3 min left'],
    ['2026-11-24T15:10:00Z', 'about 3 h left'],
  ])('until %s it is %s', (ends_at, left) => {
    const report = aReport({ state: 'running', rows: 5, rows_expected: 10, ends_at });
    expect(stateDetail(report, Date.parse('2026-11-24T12:00:00Z'))).toBe(`5 of 10 rows, ${left}`);
  });
});

describe('addresses', () => {
  it.each([
    ['192.0.2.1', 443, '192.0.2.1:443'],
    ['2001:db8::1', 443, '[2001:db8::1]:443'],
    ['2001:db8::1', 0, '2001:db8::1'],
    [null, 443, 'port 443'],
    [null, null, ''],
  ])('%s and %s', (ip, port, text) => expect(formatAddress(ip, port)).toBe(text));

  it('a relay is shown with what is known of it', () => {
    expect(formatRelay({ name: 'relay-ams', ip: '198.51.100.7', port: 30501 })).toBe('relay-ams (198.51.100.7:30501)');
    expect(formatRelay({ ip: '198.51.100.7' })).toBe('198.51.100.7');
    expect(formatRelay({ name: 'relay-ams' })).toBe('relay-ams');
  });

  it('a network is its number, and who runs it where that is known', () => {
    expect(formatNetwork({ asn: 64496, organisation: 'Example Net' })).toBe('AS64496 Example Net');
    expect(formatNetwork({ asn: 64496 })).toBe('AS64496');
  });
});

describe('names', () => {
  it('an override that would turn the letters around is shown as a mark', () => {
    expect(visibleText('report\u202etxt.exe')).toBe('report\ufffdtxt.exe');
  });

  it('emoji, line breaks and right-to-left names stay as they are', () => {
    for (const name of ['Büro 🏢👩‍💻', 'line\nbreak', 'שלום']) expect(visibleText(name)).toBe(name);
  });
});

it('of a file only what is not as usual is said', () => {
  expect(describeFile({ kind: 'events', format: 'csv', columns: [], compression: 'none', denied: false })).toBe('');
  expect(describeFile({ denied: true, kind: 'summary', format: 'parquet', columns: ['user'], compression: 'gzip' })).toBe(
    ', with denied attempts, Summary, Parquet, 1 column, gzip',
  );
  const traffic = (bucket: string | null, by: string[]) => describeFile({ kind: 'traffic', table: { bucket, by, measures: [] } });
  expect(traffic('day', ['remote_network', 'user'])).toBe(', Traffic by day, Remote Network and User');
  expect(traffic(null, ['country'])).toBe(', Traffic by Country');
  expect(describeFile({ split: { rows: 1_048_575 } })).toBe(', files of 1,048,575 rows');
  expect(describeFile({ split: { rows: 1_000, bytes: 2_000_000 } })).toBe(', files of 1,000 rows or 2.0 MB');
  expect(describeFile({ split: null })).toBe('');
});

it('what became of a delivery', () => {
  expect(describeTries(aDelivery())).toBe('1 try, 120 ms, answered 200');
  expect(describeTries(aDelivery({ tries: 2, status: null, took_ms: null, problem: 'no answer' }))).toBe('2 tries, no answer');
  expect(describeTries(aDelivery({ tries: 0, status: null, took_ms: null }))).toBe('');
});

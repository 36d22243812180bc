/// The console's API as the browser tests want it, by routes in the browser: no server behind it.
import type { Page, Route } from '@playwright/test';
import type { Connection, Named, Report, Schedule } from '../src/api/types';
import { aConnection, aReport, aSchedule } from '../src/testing/builders';

const RTL_OVERRIDE = '\u202e';

export const NETWORKS: Named[] = [
  { id: '64894', name: 'aws-us-east-1' },
  { id: '64895', name: 'Büro Köln 🏢' },
  { id: '64896', name: `line\nbreak and ${RTL_OVERRIDE}override` },
  { id: '64897', name: 'a-very-long-remote-network-name-that-somebody-typed-in-one-go-without-a-single-blank' },
];

export const REPORTS: Report[] = [
  aReport({ id: 'r7', requested_at: '2026-11-24T12:06:00Z', requested_by: `eve${RTL_OVERRIDE}moc.live` }),
  aReport({
    id: 'r6',
    requested_at: '2026-11-24T12:05:00Z',
    state: 'waiting',
    events_behind: 18_422,
    remote_networks: ['64895', '64896', '64897', '64894', '999'],
  }),
  aReport({
    id: 'r5',
    requested_at: '2026-11-24T12:04:00Z',
    state: 'running',
    rows: 1_402_500,
    rows_expected: 3_300_000,
    denied: true,
  }),
  aReport({
    id: 'r4',
    requested_at: '2026-11-24T11:00:00Z',
    state: 'completed',
    rows: 3_300_000,
    size_bytes: 84_200_000,
    compression: 'gzip',
    file_name: 'network-events.csv.gz',
  }),
  aReport({
    id: 'r3',
    requested_at: '2026-11-24T10:00:00Z',
    state: 'failed',
    reason: 'The object store refused the file: access denied for bucket flowledger-reports',
    zone: 'America/Argentina/ComodRivadavia',
  }),
  aReport({ id: 'r2', requested_at: '2026-11-23T10:00:00Z', state: 'expired' }),
];

export const SCHEDULES: Schedule[] = [
  aSchedule({ last_run: aReport({ state: 'completed' }) }),
  aSchedule({
    id: 's-2',
    name: `Büro 🏢 ${RTL_OVERRIDE}gnihtemos and a name that somebody typed in one go`,
    state: 'paused',
    reason: 'its owner jo has no account any more; resume it to make it yours',
    when: '15 6 * * 1-5',
    range: 'since last run',
    next_runs: [],
    last_run: aReport({ state: 'failed', reason: '50 reports wait or are made, as many as may' }),
  }),
];

export const CONNECTIONS: Connection[] = [
  aConnection(),
  aConnection({
    event_id: 'e2',
    connection_type: 'relay',
    relays: [{ name: 'relay-ams 🚢', ip: '198.51.100.7', port: 30501 }, { ip: '2001:db8::7', port: 30502 }],
    remote_network: NETWORKS[2] ?? { id: '', name: '' },
    connector: { id: '5', name: `quiet\nheron ${RTL_OVERRIDE}txt.exe` },
    resource_ip: '2001:db8:85a3:8d3:1319:8a2e:370:7348',
    protocol: 'udp',
    duration_ms: 250,
  }),
  aConnection({
    event_id: 'e3',
    status: 'DNS_ERROR',
    resource_ip: null,
    resource: { id: '1234567', address: 'nowhere.corp.example', applied_rule: '*.corp.example' },
    error_message: 'no such host',
  }),
  aConnection({
    event_id: 'e4',
    status: 'CONNECTION_FAILED',
    error_message: 'connection refused',
    resource: {
      id: '1234567',
      address: 'a-very-long-host-name.of.a-department.of.a-subsidiary.of.the.corp.example',
      applied_rule: null,
    },
  }),
  aConnection({
    event_id: 'e5',
    status: 'ACCESS_DENIED',
    user: null,
    service_account: { id: '77', name: 'ci 🤖', key: 'deploy', key_id: '78' },
    remote_network: NETWORKS[3] ?? { id: '', name: '' },
  }),
];

export interface Api {
  signedIn: boolean;
  away: boolean;
  reports: Report[];
  /** Bodies of what was asked for. */
  posted: unknown[];
}

/** Answers every request to the API; what is changed in the returned object is so from then on. */
export async function mockApi(page: Page, changes: Partial<Api> = {}): Promise<Api> {
  const api: Api = { signedIn: true, away: false, reports: [...REPORTS], posted: [], ...changes };
  await page.route('**/api/v1/**', (route) => answer(route, api));
  return api;
}

async function answer(route: Route, api: Api): Promise<void> {
  const request = route.request();
  const path = new URL(request.url()).pathname.replace('/api/v1', '');
  const json = (body: unknown, status = 200) => route.fulfill({ status, json: body });
  const error = (status: number, code: string, message: string) => json({ error: { code, message } }, status);

  if (api.away) return route.abort();
  if (path === '/session') {
    if (request.method() === 'POST') {
      const { password } = request.postDataJSON() as { password: string };
      api.signedIn = password === 'right';
    }
    if (request.method() === 'DELETE') {
      api.signedIn = false;
      return route.fulfill({ status: 204 });
    }
    return api.signedIn ? json({ tenant: 'acme', account: 'admin' }) : error(401, 'unauthenticated', 'sign in');
  }
  if (!api.signedIn) return error(401, 'unauthenticated', 'sign in');
  if (path === '/reports/changes') return route.fulfill({ status: 503 });
  if (path === '/reports' && request.method() === 'POST') {
    api.posted.push(request.postDataJSON());
    const report = aReport({ id: 'r9', requested_at: '2026-11-24T12:30:00Z' });
    api.reports = [report, ...api.reports];
    return json(report, 201);
  }
  if (path === '/reports') return json({ reports: api.reports });
  if (path === '/report-schedules') return json({ schedules: SCHEDULES });
  if (path === '/remote-networks') return json({ remote_networks: NETWORKS });
  if (path.endsWith('/connections')) return json({ connections: path.includes('/404/') ? [] : CONNECTIONS });
  if (path === '/users') {
    return json({
      users: [
        { id: '890123', name: 'jane@corp.example' },
        { id: '890124', name: `x${RTL_OVERRIDE}moc@elpmaxe` },
      ],
    });
  }
  if (path === '/resources') return json({ resources: [{ id: '1234567', name: '*.corp.example' }] });
  return error(404, 'not_found', 'no such endpoint');
}

/// The console's API as the browser tests want it, by routes in the browser: no server behind it.
import type { Page, Route } from '@playwright/test';
import type { AskedBackfill, BucketSync, Connection, Delivery, Estimate, Named, NewReport, NewSchedule, NewWebhook, NextRun, Report, Schedule, Webhook } from '../src/api/types';
import { NO_FILTER } from '../src/pages/analytics/filterForm';
import { aBackfill, aConnection, aDelivery, aManifest, anEstimate, aReport, aSchedule, aSync, aWebhook } from '../src/testing/builders';

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
    expires_at: '2026-12-24T11:00:00Z',
    users: ['890123', '890124', '890125', '890126'],
    domain: `x${RTL_OVERRIDE}moc.elpmaxe`,
  }),
  aReport({
    id: 'r3b',
    requested_at: '2026-11-24T10:30:00Z',
    state: 'completed',
    format: 'parquet',
    rows: 12_300_000,
    size_bytes: 252_600_000,
    file_name: 'network-events',
    files: 3,
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

/** Over the night in which clocks go back. */
const NEXT_RUNS: NextRun[] = [
  { due: '2026-10-24T04:00:00Z', from: '2026-10-22T22:00:00Z', to: '2026-10-23T22:00:00Z' },
  { due: '2026-10-25T05:00:00Z', from: '2026-10-23T22:00:00Z', to: '2026-10-24T22:00:00Z' },
  { due: '2026-10-26T05:00:00Z', from: '2026-10-24T22:00:00Z', to: '2026-10-25T23:00:00Z' },
];

export const SCHEDULES: Schedule[] = [
  aSchedule({ last_run: aReport({ state: 'completed' }), next_runs: NEXT_RUNS }),
  aSchedule({
    id: 's-2',
    name: `Büro 🏢 ${RTL_OVERRIDE}gnihtemos and a name that somebody typed in one go`,
    state: 'paused',
    reason: 'its owner jo has no account any more; resume it to make it yours',
    owner: 'jo',
    when: '15 6 * * 1-5',
    users: ['890123'],
    ports: ['443', '8000-8999'],
    client_addresses: ['192.0.2.0/24'],
    split: { rows: 5_000, bytes: 2_500_000 },
    range: 'since last run',
    next_runs: [],
    last_run: aReport({ state: 'failed', reason: '50 reports wait or are made, as many as may' }),
  }),
];

export const SYNCS: BucketSync[] = [
  aSync({ remote_networks: ['64895', '64896', '64897', '64894'], domain: `x${RTL_OVERRIDE}moc.elpmaxe` }),
  aSync({
    id: 'b-2',
    name: `Büro 🏢 ${RTL_OVERRIDE}gnihtemos and a name that somebody typed in one go`,
    destination: 'archive-of-the-security-department',
    format: 'parquet',
    compression: 'none',
    denied: true,
    state: 'failing',
    failing_since: '2026-11-24T10:00:00Z',
    reason: 'The bucket refused the object: access denied for flowledger-archive',
    lag_seconds: 7_500,
    backfills: [
      aBackfill({ from: '2026-09-01T00:00:00Z', to: '2026-10-01T00:00:00Z', state: 'done', objects: 702 }),
      aBackfill({ number: 2, from: '2026-08-01T00:00:00Z', to: '2026-09-01T00:00:00Z', state: 'done', objects: 744 }),
      aBackfill({ number: 3, from: '2026-07-01T00:00:00Z', to: '2026-08-01T00:00:00Z', reached: '2026-07-11T00:00:00Z' }),
      aBackfill({ number: 4, from: '2026-06-01T00:00:00Z', to: '2026-07-01T00:00:00Z', hours_done: 0, hours: 720, objects: 0 }),
    ],
  }),
  aSync({ id: 'b-3', name: 'Paused', state: 'paused', lag_seconds: null, last_object: null }),
];

export const WEBHOOKS: Webhook[] = [
  aWebhook(),
  aWebhook({
    id: 'w-2',
    name: `Büro 🏢 ${RTL_OVERRIDE}gnihtemos`,
    url: 'https://a-very-long-host-name.of.a-department.of.a-subsidiary.of.the.corp.example:8443/hooks/flowledger?token=abc',
    events: ['report.completed', 'report.failed', 'report.cancelled', 'report.expired'],
    state: 'away',
    failing_since: '2026-11-20T10:00:00Z',
    former_secret_until: '2026-11-25T10:00:00Z',
  }),
];

const DELIVERIES: Delivery[] = [
  aDelivery({
    id: 'm-3',
    event: 'report.failed',
    state: 'waiting',
    tries: 3,
    status: 503,
    problem: 'the answer was 503 Service Unavailable',
    next_try_at: '2026-11-24T12:10:00Z',
  }),
  aDelivery({ id: 'm-2', state: 'given_up', tries: 10, status: null, took_ms: null, problem: 'no answer within 15 s' }),
  aDelivery({ id: 'm-1', redeliveries: 2 }),
];

export const SECRET = 'whsec_Zm9yIHRlc3RzIG9ubHk6IDMyIGJ5dGVzIGluIGFsbCE=';

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
  schedules: Schedule[];
  syncs: BucketSync[];
  webhooks: Webhook[];
  /** Of every report; null: the database does not answer. */
  estimate: Estimate | null;
  /** What was asked to be estimated. */
  estimated: NewReport[];
  /** Method and path of each request that changes something. */
  done: string[];
  /** Bodies of what was asked for. */
  posted: unknown[];
}

/** Answers every request to the API; what is changed in the returned object is so from then on. */
export async function mockApi(page: Page, changes: Partial<Api> = {}): Promise<Api> {
  const api: Api = {
    signedIn: true,
    away: false,
    reports: [...REPORTS],
    schedules: [...SCHEDULES],
    syncs: [...SYNCS],
    webhooks: [...WEBHOOKS],
    estimate: anEstimate(),
    estimated: [],
    done: [],
    posted: [],
    ...changes,
  };
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
  if (path === '/reports/estimate') {
    api.estimated.push(request.postDataJSON() as NewReport);
    return api.estimate ? json(api.estimate) : error(503, 'away', 'the database does not answer; try again in a moment');
  }
  if (path === '/report-schedules/preview') return json({ next_runs: NEXT_RUNS, keep_days: null });
  if (request.method() !== 'GET') api.done.push(`${request.method()} ${path}`);
  if (path === '/reports/changes') return route.fulfill({ status: 503 });
  if (path === '/reports' && request.method() === 'POST') {
    api.posted.push(request.postDataJSON());
    const report = aReport({ id: 'r9', requested_at: '2026-11-24T12:30:00Z' });
    api.reports = [report, ...api.reports];
    return json(report, 201);
  }
  if (path === '/reports') return json({ reports: api.reports });
  const manifest = /^\/reports\/([^/]+)\/manifest$/.exec(path);
  if (manifest) return json(aManifest(api.reports.find(({ id }) => id === manifest[1])?.files));
  if (path.startsWith('/report-schedules')) return answerSchedules(route, api, path);
  if (path.startsWith('/syncs')) return answerSyncs(route, api, path);
  if (path.startsWith('/webhooks')) return answerWebhooks(route, api, path);
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

/** The thing of this id, and what is wanted of it. */
function wanted<T extends { id: string }>(things: readonly T[], path: string): [T | undefined, string] {
  const [, , id, wish = ''] = path.split('/');
  return [things.find((thing) => thing.id === id), wish];
}

async function answerSchedules(route: Route, api: Api, path: string): Promise<void> {
  const request = route.request();
  const json = (body: unknown, status = 200) => route.fulfill({ status, json: body });
  if (path === '/report-schedules' && request.method() === 'GET') return json({ schedules: api.schedules });
  if (path === '/report-schedules') {
    api.posted.push(request.postDataJSON());
    return json(aSchedule({ id: 's-9', ...(request.postDataJSON() as Partial<Schedule>) }), 201);
  }
  const [schedule, wish] = wanted(api.schedules, path);
  if (!schedule) return json({ error: { code: 'not_found', message: 'there is no such thing' } }, 404);
  const sent = request.method() === 'PUT' ? (request.postDataJSON() as NewSchedule) : null;
  if (sent) api.posted.push(sent);
  // As the server does.
  if (sent?.split?.rows === 1_000) {
    const error = { code: 'bad_field', message: 'split.rows is below 2000', field: 'split.rows' };
    return json({ error }, 400);
  }
  const changes: Partial<Schedule> = sent ? { ...NO_FILTER, domain: null, ...sent, owner: 'admin' } : { state: wish === 'pause' ? 'paused' : 'active' };
  const changed = { ...schedule, ...changes };
  api.schedules = api.schedules.map((it) => (it.id === schedule.id ? changed : it));
  return json(changed);
}

async function answerSyncs(route: Route, api: Api, path: string): Promise<void> {
  const request = route.request();
  const method = request.method();
  const json = (body: unknown, status = 200) => route.fulfill({ status, json: body });
  if (path === '/syncs') {
    if (method === 'GET') return json({ syncs: api.syncs, destinations: ['lake', 'archive-of-the-security-department'] });
    api.posted.push(request.postDataJSON());
    const made = aSync({ id: 'b-9', last_object: null, lag_seconds: 0, ...(request.postDataJSON() as Partial<BucketSync>) });
    api.syncs = [...api.syncs, made];
    return json(made, 201);
  }
  const [sync, wish] = wanted(api.syncs, path);
  if (!sync) return json({ error: { code: 'not_found', message: 'there is no such thing' } }, 404);
  const now = (changes: Partial<BucketSync>, beside: Partial<AskedBackfill> = {}) => {
    const changed = { ...sync, ...changes };
    api.syncs = api.syncs.map((it) => (it.id === sync.id ? changed : it));
    return json({ ...changed, ...beside });
  };
  if (method === 'DELETE') {
    api.syncs = api.syncs.filter((it) => it !== sync);
    return route.fulfill({ status: 204 });
  }
  if (method === 'PUT') return now(request.postDataJSON() as Partial<BucketSync>);
  if (wish === 'pause') return now({ state: 'paused', lag_seconds: null });
  if (wish === 'resume') return now({ state: 'active', lag_seconds: 10 });
  api.posted.push(request.postDataJSON());
  const range = { from: '2026-10-01T00:00:00Z', to: '2026-10-02T00:00:00Z' };
  return now({ backfills: [...sync.backfills, aBackfill({ ...range, hours_done: 0, hours: 24, objects: 0 })] }, { range });
}

async function answerWebhooks(route: Route, api: Api, path: string): Promise<void> {
  const request = route.request();
  const method = request.method();
  const json = (body: unknown, status = 200) => route.fulfill({ status, json: body });
  if (path === '/webhooks') {
    if (method === 'GET') return json({ webhooks: api.webhooks });
    api.posted.push(request.postDataJSON());
    const made = aWebhook({ id: 'w-9', ...(request.postDataJSON() as NewWebhook) });
    api.webhooks = [...api.webhooks, made];
    return json({ ...made, secret: SECRET }, 201);
  }
  const [webhook, wish] = wanted(api.webhooks, path);
  if (!webhook) return json({ error: { code: 'not_found', message: 'there is no such thing' } }, 404);
  if (wish === 'deliveries' && method === 'GET') return json({ deliveries: DELIVERIES });
  if (wish === 'deliveries') {
    return json(aDelivery({ id: 'm-2', state: 'waiting', tries: 0, status: null, took_ms: null, redeliveries: 1 }));
  }
  if (method === 'DELETE') {
    api.webhooks = api.webhooks.filter((it) => it !== webhook);
    return route.fulfill({ status: 204 });
  }
  const changes: Partial<Webhook> =
    method === 'PUT'
      ? (request.postDataJSON() as NewWebhook)
      : wish === 'rotate'
        ? { former_secret_until: '2026-11-25T12:00:00Z' }
        : { state: wish === 'pause' ? 'paused' : 'active' };
  const changed = { ...webhook, ...changes };
  api.webhooks = api.webhooks.map((it) => (it.id === webhook.id ? changed : it));
  return json(wish === 'rotate' ? { ...changed, secret: SECRET } : changed);
}

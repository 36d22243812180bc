/// Things for tests, with what a test does not care about filled in.
import type { Backfill, BucketSync, Connection, Delivery, Estimate, Manifest, Report, Schedule, Webhook } from '../api/types';

export function aReport(changes: Partial<Report> = {}): Report {
  return {
    id: '019ab5c0-0000-7000-8000-000000000001',
    state: 'requested',
    requested_at: '2026-11-24T12:00:00Z',
    requested_by: 'admin',
    from: '2026-10-31T23:00:00Z',
    to: '2026-11-07T23:00:00Z',
    zone: 'Europe/Berlin',
    remote_networks: [],
    denied: false,
    compression: 'none',
    rows: 0,
    size_bytes: 0,
    notified: 0,
    downloads: 0,
    ...changes,
  };
}

/** Of network events as CSV. */
export function anEstimate(changes: Partial<Estimate> = {}): Estimate {
  return {
    from: '2026-10-31T23:00:00Z',
    to: '2026-11-07T23:00:00Z',
    connections: 1_234_567,
    rows: 1_234_567,
    size_bytes: 306_172_616,
    source: 'rollup',
    exact: false,
    keep_days: null,
    over_limit: null,
    ...changes,
  };
}

export function aSchedule(changes: Partial<Schedule> = {}): Schedule {
  return {
    id: 's-1',
    name: 'Every week',
    state: 'active',
    reason: null,
    owner: 'admin',
    when: 'weekly on monday at 06:00',
    range: 'last week',
    zone: 'Europe/Berlin',
    remote_networks: [],
    kind: 'events',
    format: 'csv',
    columns: [],
    denied: false,
    compression: 'gzip',
    table: null,
    byte_order_mark: false,
    formula_guard: false,
    split: null,
    users: [],
    service_accounts: [],
    resources: [],
    applied_rules: [],
    connectors: [],
    devices: [],
    protocols: [],
    ports: [],
    statuses: [],
    tunnel_paths: [],
    countries: [],
    client_addresses: [],
    resource_addresses: [],
    addresses: [],
    domain: null,
    receivers: ['admin@acme.example'],
    next_runs: [{ due: '2026-11-30T05:00:00Z', from: '2026-11-22T23:00:00Z', to: '2026-11-29T23:00:00Z' }],
    last_run: null,
    ...changes,
  };
}

/** A month of which ten days are done with. */
export function aBackfill(changes: Partial<Backfill> = {}): Backfill {
  return {
    number: 1,
    from: '2026-10-01T00:00:00Z',
    to: '2026-11-01T00:00:00Z',
    state: 'waiting',
    reached: '2026-10-11T00:00:00Z',
    hours_done: 240,
    hours: 744,
    objects: 199,
    ...changes,
  };
}

export function aSync(changes: Partial<BucketSync> = {}): BucketSync {
  return {
    id: 'b-1',
    name: 'To our lake',
    state: 'active',
    reason: null,
    failing_since: null,
    destination: 'lake',
    format: 'ndjson',
    compression: 'gzip',
    remote_networks: [],
    denied: false,
    interval_seconds: 300,
    receivers: ['ops@acme.example'],
    created_at: '2026-11-01T10:20:30Z',
    reached: '2026-11-24T12:00:00Z',
    lag_seconds: 250,
    last_object: {
      number: 42,
      key: 'acme/b-1/live/date=2026-11-24/hour=12/20261124T120000Z-000000042.ndjson.gz',
      rows: 1_234,
      size_bytes: 84_200,
      stored_at: '2026-11-24T12:00:04Z',
    },
    backfills: [],
    ...changes,
  };
}

export function aWebhook(changes: Partial<Webhook> = {}): Webhook {
  return {
    id: 'w-1',
    name: 'Build',
    url: 'https://build.acme.example/hook',
    events: ['report.completed', 'report.failed'],
    contact: 'ops@acme.example',
    state: 'active',
    failing_since: null,
    former_secret_until: null,
    changed_at: '2026-11-24T12:00:00Z',
    changed_by: 'admin',
    ...changes,
  };
}

export function aDelivery(changes: Partial<Delivery> = {}): Delivery {
  return {
    id: 'msg-1',
    event: 'report.completed',
    report_id: '019ab5c0-0000-7000-8000-000000000001',
    attempt: 1,
    happened_at: '2026-11-24T12:00:00Z',
    state: 'delivered',
    tries: 1,
    at: '2026-11-24T12:00:01Z',
    next_try_at: null,
    status: 200,
    problem: null,
    took_ms: 120,
    redeliveries: 0,
    ...changes,
  };
}

/** Of so many files. */
export function aManifest(files = 1): Manifest {
  const named = (number: number) => (files === 1 ? 'events.csv.gz' : `part-${String(number).padStart(5, '0')}.parquet`);
  return {
    rows: 3_300_000,
    files: Array.from({ length: files }, (_, number) => ({
      name: named(number),
      size_bytes: 84_200_000,
      sha256: String(number).repeat(64).slice(0, 64),
    })),
    completed_at: '2026-11-24T12:00:00Z',
  };
}

export function aConnection(changes: Partial<Connection> = {}): Connection {
  return {
    event_id: '0195f0c1-57b4-8a11-9c22-5d0f6e7a8b90',
    start_time: '2026-11-24T11:58:00.5Z',
    end_time: '2026-11-24T11:59:12.92Z',
    duration_ms: 72_420,
    status: 'NORMAL',
    user: { id: '890123', email: 'jane@corp.example' },
    device_id: '1234567',
    client_ip: '192.0.2.4',
    connector: { id: '123456', name: 'quiet-heron' },
    remote_network: { id: '789012', name: 'aws-us-east-1' },
    resource: { id: '1234567', address: 'git.corp.example', applied_rule: '*.corp.example' },
    resource_ip: '10.11.12.13',
    resource_port: 443,
    protocol: 'tcp',
    connection_type: 'direct',
    bytes_transferred: 404,
    bytes_received: 338_000,
    relays: [],
    ...changes,
  };
}

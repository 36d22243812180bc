/// Things for tests, with what a test does not care about filled in.
import type { Connection, Report, Schedule } from '../api/types';

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
    compression: 'gzip',
    next_runs: [{ due: '2026-11-30T05:00:00Z', from: '2026-11-22T23:00:00Z', to: '2026-11-29T23:00:00Z' }],
    last_run: null,
    ...changes,
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

/// What tables of traffic are made of, in the words of the API and as they are shown.
import type { FileTable } from '../api/types';

export const BUCKETS: Record<string, string> = {
  minute: 'Minute',
  hour: 'Hour',
  day: 'Day',
  week: 'Week',
  month: 'Month',
};

export const DIMENSIONS: Record<string, string> = {
  remote_network: 'Remote Network',
  user: 'User',
  service_account: 'Service account',
  resource: 'Resource',
  applied_rule: 'Applied rule',
  connector: 'Connector',
  device: 'Device',
  protocol: 'Protocol',
  port: 'Port',
  status: 'Status',
  tunnel_path: 'Tunnel path',
  country: 'Country',
  client_address: 'Client address',
  address: 'Address asked for',
};

/** As many as the server takes. */
export const DIMENSIONS_MAX = 4;

export const MEASURES: Record<string, string> = {
  connections: 'Connections',
  succeeded: 'Succeeded',
  failed_dns: 'Failed: DNS',
  failed_other: 'Failed: other',
  denied: 'Denied attempts',
  events: 'Connections and denied attempts',
  bytes: 'Bytes both ways',
  bytes_received: 'Bytes received',
  bytes_transferred: 'Bytes transferred',
  users: 'Users',
  devices: 'Devices',
  client_addresses: 'Client addresses',
  addresses: 'Addresses asked for',
  duration_p50_us: 'Duration, median',
  duration_p95_us: 'Duration, 95 %',
};

/** How much came of it each day. */
export const USUAL_TABLE: FileTable = { bucket: 'day', by: [], measures: ['connections', 'bytes'] };

/** ` by day, Remote Network and User`; nothing where it is not known what of. */
export function describeTable({ bucket, by }: FileTable): string {
  const parts = [bucket ?? '', ...by.map((word) => DIMENSIONS[word] ?? word)].filter((part) => part !== '');
  const last = parts.pop();
  if (last === undefined) return '';
  return ` by ${parts.length === 0 ? last : `${parts.join(', ')} and ${last}`}`;
}

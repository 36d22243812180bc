/// What files of reports are called, and the columns that one of network events may have.
import type { FileFormat, FileKind } from '../api/types';

export const KIND_NAMES: Record<FileKind, string> = {
  events: 'Network events',
  summary: 'Summary',
  users: 'User activity',
};

export const FORMAT_NAMES: Record<FileFormat, string> = { csv: 'CSV', ndjson: 'NDJSON', parquet: 'Parquet' };

/** The usual 26, then those that are there when they are asked for. */
export const ALL_COLUMNS: string[] = [
  ...['start_time', 'end_time', 'user', 'user_id', 'device_id', 'client_ip', 'connector', 'connector_id'],
  ...['resource_ip', 'resource_port', 'resource_domain', 'resource_id', 'protocol', 'status'],
  ...['bytes_transferred', 'bytes_received', 'remote_network', 'remote_network_id', 'applied_rule'],
  ...['relays', 'relay_ips', 'relay_ports'],
  ...['service_account', 'service_account_id', 'service_account_key', 'service_account_key_id'],
  ...['country', 'city', 'tunnel_path', 'error_message', 'connection_id', 'event_id', 'event_time'],
];

/// What files of reports are called, and the columns that one of network events may have.
import type { FileChoice, FileFormat, FileKind, FileSplit } from '../api/types';
import { formatBytes, formatCountOf } from './bytes';
import { describeTable } from './tables';

export const KIND_NAMES: Record<FileKind, string> = {
  events: 'Network events',
  summary: 'Summary',
  users: 'User activity',
  traffic: 'Traffic',
};

export const FORMAT_NAMES: Record<FileFormat, string> = { csv: 'CSV', ndjson: 'NDJSON', parquet: 'Parquet' };

/** Of a file of the preset: lines of a sheet, but for the header. */
export const SPREADSHEET_ROWS = 1_048_575;

/** The usual 26, then those that are there when they are asked for. */
export const ALL_COLUMNS: string[] = [
  ...['start_time', 'end_time', 'user', 'user_id', 'device_id', 'client_ip', 'connector', 'connector_id'],
  ...['resource_ip', 'resource_port', 'resource_domain', 'resource_id', 'protocol', 'status'],
  ...['bytes_transferred', 'bytes_received', 'remote_network', 'remote_network_id', 'applied_rule'],
  ...['relays', 'relay_ips', 'relay_ports'],
  ...['service_account', 'service_account_id', 'service_account_key', 'service_account_key_id'],
  ...['country', 'city', 'tunnel_path', 'error_message', 'connection_id', 'event_id', 'event_time'],
];

/** What is not as usual, each behind a comma: `, Summary, Parquet, 3 columns`. Nothing for network events as plain CSV. */
export function describeFile(file: Partial<FileChoice>): string {
  const { kind = 'events', format = 'csv', columns = [], compression = 'none' } = file;
  const parts = [
    file.denied ? 'with denied attempts' : '',
    kind === 'events' ? '' : `${KIND_NAMES[kind]}${file.table ? describeTable(file.table) : ''}`,
    format === 'csv' ? '' : FORMAT_NAMES[format],
    columns.length === 0 ? '' : formatCountOf(columns.length, 'column'),
    compression === 'none' ? '' : compression,
    file.split ? describeSplit(file.split) : '',
    file.byte_order_mark ? 'marked as UTF-8' : '',
    file.formula_guard ? 'guarded against formulas' : '',
  ];
  return parts.map((part) => part && `, ${part}`).join('');
}

/** `files of 1,000 rows or 2.0 MB` */
function describeSplit({ rows, bytes }: FileSplit): string {
  const sizes = [rows === undefined ? '' : formatCountOf(rows, 'row'), bytes === undefined ? '' : formatBytes(bytes)];
  return `files of ${sizes.filter((size) => size !== '').join(' or ')}`;
}

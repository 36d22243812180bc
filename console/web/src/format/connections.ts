/// A connection's parts in words.
import type { Connection, ConnectionStatus, Network, Relay } from '../api/types';

const STATUSES: Record<ConnectionStatus, string> = {
  NORMAL: 'Normal',
  DNS_ERROR: 'DNS error',
  CONNECTION_FAILED: 'Connection failed',
  ACCESS_DENIED: 'Access denied',
};

export function describeStatus(status: ConnectionStatus): string {
  return STATUSES[status] ?? status;
}

export function describeType(type: Connection['connection_type']): string {
  return type === 'relay' ? 'Relay' : 'Direct';
}

/** `192.0.2.1:443`, `[2001:db8::1]:443`, or the address alone where there is no port. */
export function formatAddress(ip: string | null | undefined, port: number | null | undefined): string {
  if (!ip) return port ? `port ${port}` : '';
  if (!port) return ip;
  return ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/** `AS64496 Example`. */
export function formatNetwork({ asn, organisation }: Network): string {
  return organisation ? `AS${asn} ${organisation}` : `AS${asn}`;
}

export function formatRelay(relay: Relay): string {
  const address = formatAddress(relay.ip, relay.port);
  if (!relay.name) return address;
  return address ? `${relay.name} (${address})` : relay.name;
}

/** Who connected: the User's e-mail or the service account's name. */
export function whoConnected(connection: Connection): string {
  return connection.user?.email ?? connection.service_account?.name ?? '';
}

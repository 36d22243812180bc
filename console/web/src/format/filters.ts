/// Which connections, in words.
import type { ConnectionStatus, Narrowing } from '../api/types';
import { describeStatus, describeType } from './connections';

/** What a field is called with one value, and with several. */
const WORDS: [keyof Narrowing, one: string, several: string][] = [
  ['users', 'User', 'Users'],
  ['service_accounts', 'service account', 'service accounts'],
  ['resources', 'Resource', 'Resources'],
  ['applied_rules', 'applied rule', 'applied rules'],
  ['connectors', 'Connector', 'Connectors'],
  ['devices', 'device', 'devices'],
  ['protocols', 'protocol', 'protocols'],
  ['ports', 'port', 'ports'],
  ['statuses', 'status', 'statuses'],
  ['tunnel_paths', 'tunnel path', 'tunnel paths'],
  ['countries', 'country', 'countries'],
  ['client_addresses', 'client address', 'client addresses'],
  ['resource_addresses', 'Resource address', 'Resource addresses'],
  ['addresses', 'address', 'addresses'],
  ['domain', 'domain', 'domain'],
];

export interface Narrowed {
  /** As within a sentence. */
  field: string;
  /** From outside: to be shown as names. */
  values: string[];
}

function shown(field: keyof Narrowing, value: string): string {
  switch (field) {
    case 'protocols':
      return value.toUpperCase();
    case 'statuses':
      return describeStatus(value as ConnectionStatus);
    case 'tunnel_paths':
      return describeType(value === 'relay' ? 'relay' : 'direct');
    default:
      return value;
  }
}

/** The fields that let not everything through, in the order of the form. */
export function describeFilter(filter: Partial<Narrowing>): Narrowed[] {
  return WORDS.flatMap(([field, one, several]) => {
    const values = [filter[field] ?? []].flat().map((value) => shown(field, value));
    return values.length === 0 ? [] : [{ field: values.length === 1 ? one : several, values }];
  });
}

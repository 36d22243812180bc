import { expect, it } from 'vitest';
import { aSchedule } from '../../testing/builders';
import { FILTER_FIELDS, filterFormOf, filterOf, narrowedBy, NO_FILTER, validateFilter } from './filterForm';

it('has every field of the filter but Remote Networks and the range, in the words of the API', () => {
  expect(FILTER_FIELDS).toEqual([
    ...['users', 'service_accounts', 'resources', 'applied_rules', 'connectors', 'devices', 'protocols', 'ports'],
    ...['statuses', 'tunnel_paths', 'countries', 'client_addresses', 'resource_addresses', 'addresses', 'domain'],
  ]);
});

it('what lets everything through is not sent', () => {
  expect(filterOf(NO_FILTER)).toEqual({});
  expect(filterOf({ ...NO_FILTER, domain: '  ' })).toEqual({});
  expect(filterOf({ ...NO_FILTER, ports: ['443'], domain: ' corp ' })).toEqual({ ports: ['443'], domain: 'corp' });
});

it('what was kept is kept again, and what is not there is everything', () => {
  const kept = { users: ['9223372036854775807'], client_addresses: ['10.0.0.0/8'], statuses: ['NORMAL'], domain: 'corp' };
  expect(filterOf(filterFormOf(aSchedule(kept)))).toEqual(kept);
  expect(filterFormOf({})).toEqual(NO_FILTER);
});

it('says by how many fields it narrows', () => {
  expect(narrowedBy(NO_FILTER)).toBe(0);
  expect(narrowedBy({ ...NO_FILTER, users: ['1', '2'], domain: 'corp' })).toBe(2);
});

it('what is no id and no port is said at its field', () => {
  expect(validateFilter(NO_FILTER)).toEqual({});
  expect(validateFilter({ ...NO_FILTER, devices: ['7'], ports: ['0', '443', '8000-8999'] })).toEqual({});
  const wrong = { ...NO_FILTER, service_accounts: ['ci'], connectors: ['-1'], devices: ['1'.repeat(20)], ports: ['https'] };
  expect(Object.keys(validateFilter(wrong))).toEqual(['service_accounts', 'connectors', 'devices', 'ports']);
});

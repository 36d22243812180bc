/// Which connections a report is narrowed to, as a form has it: pure. Remote Networks have a field of their own.
import type { Narrowing } from '../../api/types';
import type { Errors } from '../../hooks/useForm';

export interface FilterForm extends Omit<Narrowing, 'domain'> {
  /** As it is typed; empty: any. */
  domain: string;
}

export type FilterErrors = Errors<keyof Narrowing>;

/** Everything. */
export const NO_FILTER: FilterForm = {
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
  domain: '',
};

/** The names of its fields that the form shares with the server. */
export const FILTER_FIELDS = Object.keys(NO_FILTER) as (keyof Narrowing)[];

/** What is sent: fields that let everything through are left out. */
export function filterOf({ domain, ...lists }: FilterForm): Partial<Narrowing> {
  const narrowing = Object.entries(lists).filter(([, values]) => values.length > 0);
  const text = domain.trim();
  return { ...Object.fromEntries(narrowing), ...(text !== '' && { domain: text }) };
}

/** What was kept, to be changed. */
export function filterFormOf(kept: Partial<Narrowing>): FilterForm {
  const known = FILTER_FIELDS.map((field) => [field, kept[field] ?? NO_FILTER[field]]);
  return Object.fromEntries(known) as FilterForm;
}

/** How many fields narrow it. */
export function narrowedBy(form: FilterForm): number {
  return Object.keys(filterOf(form)).length;
}

const ID = /^\d{1,19}$/;
const PORTS = /^\d{1,5}(-\d{1,5})?$/;

/** What is wrong with it; empty when nothing is. The server has the last word. */
export function validateFilter(form: FilterForm): FilterErrors {
  const errors: FilterErrors = {};
  for (const field of ['service_accounts', 'connectors', 'devices'] as const) {
    if (!form[field].every((id) => ID.test(id))) errors[field] = 'Enter ids, which are whole numbers.';
  }
  if (!form.ports.every((ports) => PORTS.test(ports))) errors.ports = 'Enter ports such as 443 or 8000-8999.';
  return errors;
}

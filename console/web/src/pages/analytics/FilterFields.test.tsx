import { fireEvent, screen, waitFor } from '@testing-library/react';
import { useState } from 'react';
import { expect, it, vi } from 'vitest';
import { show } from '../../testing/render';
import { type Answer, serve } from '../../testing/server';
import { FilterFields } from './FilterFields';
import { type FilterErrors, filterOf, NO_FILTER, type FilterForm } from './filterForm';

const USERS = [
  { id: '9223372036854775807', name: 'jane@corp.example' },
  { id: '890124', name: 'joe@corp.example' },
];

function open(initial: Partial<FilterForm> = {}, errors: FilterErrors = {}, users: Answer = { body: { users: USERS } }) {
  const asked = serve({
    'GET /session': { status: 401, body: {} },
    'GET /users': users,
    'GET /resources': { body: { resources: [{ id: '1234567', name: '*.corp.example' }] } },
  });
  let sent = {};
  function Form() {
    const [filter, setFilter] = useState({ ...NO_FILTER, ...initial });
    sent = filterOf(filter);
    return <FilterFields filter={filter} errors={errors} onChange={setFilter} />;
  }
  show(<Form />);
  return { sent: () => sent, searched: () => asked.filter(({ path }) => path !== '/session').map(({ path }) => path) };
}

const more = () => screen.getByRole('button', { name: /^More filters/ });
const box = (name: string) => screen.getByRole('textbox', { name });
function enter(name: string, text: string) {
  fireEvent.change(box(name), { target: { value: text } });
  fireEvent.keyDown(box(name), { key: 'Enter' });
}

it('is closed, asks for nothing, and says how much is set', async () => {
  const { searched, sent } = open({ ports: ['443'], domain: 'corp' });
  expect(more().textContent).toBe('More filters, 2 set');
  expect(more().getAttribute('aria-expanded')).toBe('false');
  expect(screen.queryByRole('textbox')).toBeNull();
  fireEvent.click(more());
  expect(more().getAttribute('aria-expanded')).toBe('true');
  fireEvent.change(box('Domain'), { target: { value: '' } });
  expect(more().textContent).toBe('More filters, 1 set');
  expect(sent()).toEqual({ ports: ['443'] });
  expect(searched()).toEqual([]);
});

it('Users and Resources are found by their names, and are their ids', async () => {
  const { sent, searched } = open();
  fireEvent.click(more());
  fireEvent.click(box('Users'));
  fireEvent.change(box('Users'), { target: { value: 'jan' } });
  fireEvent.click(await screen.findByRole('option', { name: 'jane@corp.example' }));
  expect(sent()).toEqual({ users: ['9223372036854775807'] });
  expect(screen.getByText('jane@corp.example')).toBeDefined();
  fireEvent.click(box('Resources'));
  fireEvent.click(await screen.findByRole('option', { name: '*.corp.example' }));
  expect(sent()).toEqual({ users: ['9223372036854775807'], resources: ['1234567'] });
  expect(new Set(searched())).toEqual(new Set(['/users', '/resources']));
});

it('what was found can be chosen while the next search is on its way', async () => {
  const { sent } = open();
  fireEvent.click(more());
  fireEvent.click(box('Users'));
  await screen.findByRole('option', { name: 'jane@corp.example' });
  const silent = vi.fn(() => new Promise(() => undefined));
  vi.stubGlobal('fetch', silent);
  fireEvent.change(box('Users'), { target: { value: 'jan' } });
  await waitFor(() => expect(silent).toHaveBeenCalled());
  fireEvent.click(screen.getByRole('option', { name: 'jane@corp.example' }));
  expect(sent()).toEqual({ users: ['9223372036854775807'] });
});

it('those that were chosen before have their names, or else their ids', async () => {
  open({ users: ['890124', '7'] });
  fireEvent.click(more());
  expect(await screen.findByText('joe@corp.example')).toBeDefined();
  expect(screen.getByText('7')).toBeDefined();
});

it('a search that fails is said, and can be tried again', async () => {
  open({}, {}, { status: 503 });
  fireEvent.click(more());
  fireEvent.click(box('Users'));
  expect((await screen.findByRole('alert')).textContent).toBe('The Users could not be searched.');
  serve({ 'GET /users': { body: { users: USERS } } });
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('option', { name: 'joe@corp.example' })).toBeDefined();
});

it('what is typed is several values, but for what may hold blanks and commas', () => {
  const { sent } = open();
  fireEvent.click(more());
  enter('Connectors', '7, 8 7');
  enter('Ports', '443;8000-8999');
  enter('Addresses', '10.0.0.0/8 2001:db8::/32');
  enter('Applied rules', '*.corp.example, and more');
  enter('Countries', 'Korea, Republic of');
  expect(sent()).toEqual({
    connectors: ['7', '8'],
    ports: ['443', '8000-8999'],
    addresses: ['10.0.0.0/8', '2001:db8::/32'],
    applied_rules: ['*.corp.example, and more'],
    countries: ['Korea, Republic of'],
  });
});

it('words are those of the API', async () => {
  const { sent } = open();
  fireEvent.click(more());
  for (const [field, word] of [
    ['Protocols', 'UDP'],
    ['Statuses', 'Access denied'],
    ['Tunnel paths', 'Relay'],
  ] as const) {
    fireEvent.click(box(field));
    fireEvent.click(await screen.findByRole('option', { name: word }));
  }
  expect(sent()).toEqual({ protocols: ['udp'], statuses: ['ACCESS_DENIED'], tunnel_paths: ['relay'] });
});

it('addresses of one side are seen where they were set, and stay until they are taken away', () => {
  const { sent } = open({ client_addresses: ['192.0.2.0/24'] });
  fireEvent.click(more());
  expect(screen.queryByRole('textbox', { name: 'Addresses of the Resource' })).toBeNull();
  expect(sent()).toEqual({ client_addresses: ['192.0.2.0/24'] });
  fireEvent.keyDown(box('Addresses of the client'), { key: 'Backspace' });
  expect(sent()).toEqual({});
  expect(box('Addresses of the client')).toBeDefined();
});

it('opens where something is wrong with a field', async () => {
  open({}, { ports: 'ports is no port: https' });
  await waitFor(() => expect(more().getAttribute('aria-expanded')).toBe('true'));
  expect(screen.getByText('ports is no port: https')).toBeDefined();
  expect(box('Ports').getAttribute('aria-invalid')).toBe('true');
});

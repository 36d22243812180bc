import { fireEvent, screen, waitFor } from '@testing-library/react';
import { expect, it, vi } from 'vitest';
import type { Estimate } from '../../api/types';
import { aReport, anEstimate } from '../../testing/builders';
import { show } from '../../testing/render';
import { type Answer, serve } from '../../testing/server';
import { NewReportForm } from './NewReportForm';

const networks = { is: 'loaded' as const, value: [{ id: '64894', name: 'aws-us-east-1' }] };

function open(answer: Answer | 'away', estimate: Partial<Estimate> | null = null) {
  const asked = serve({
    'GET /session': { status: 401, body: {} },
    'POST /reports': answer,
    'POST /reports/estimate': estimate ? { body: anEstimate(estimate) } : { status: 503, body: {} },
    'GET /users': { body: { users: [{ id: '890123', name: 'jane@corp.example' }] } },
  });
  const onAsked = vi.fn();
  show(<NewReportForm networks={networks} onRetryNetworks={vi.fn()} onAsked={onAsked} onCancel={vi.fn()} />);
  const posted = () => asked.filter(({ path }) => path === '/reports').map(({ body }) => body);
  return { onAsked, posted };
}

const fill = (label: string, value: string) => fireEvent.change(screen.getByLabelText(label), { target: { value } });
/** As a value of several. */
function enter(name: string, text: string) {
  const field = screen.getByRole('textbox', { name });
  fireEvent.change(field, { target: { value: text } });
  fireEvent.keyDown(field, { key: 'Enter' });
}
const send = () => fireEvent.click(screen.getByRole('button', { name: 'Request report' }));

it('asks for what was entered, in the local times of the zone', async () => {
  const report = aReport();
  const { onAsked, posted } = open({ status: 201, body: report });
  fill('From', '2026-11-01T00:00');
  fill('To', '2026-11-08T00:00');
  fireEvent.click(screen.getByRole('switch', { name: 'Include denied attempts' }));
  fill('Compression', 'gzip');
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalledWith(report));
  expect(posted()).toEqual([
    {
      from: '2026-11-01T00:00',
      to: '2026-11-08T00:00',
      zone: 'UTC',
      remote_networks: [],
      denied: true,
      kind: 'events',
      format: 'csv',
      columns: [],
      compression: 'gzip',
      byte_order_mark: false,
      formula_guard: false,
      table: null,
      split: null,
    },
  ]);
});

it('asks for some connections only, and names who is told', async () => {
  const { onAsked, posted } = open({ status: 201, body: aReport() });
  fireEvent.click(screen.getByRole('button', { name: 'More filters' }));
  fireEvent.click(screen.getByRole('textbox', { name: 'Users' }));
  fireEvent.click(await screen.findByRole('option', { name: 'jane@corp.example' }));
  fill('Domain', 'corp');
  enter('Ports', '443, 8000-8999');
  enter('Receivers', 'ops@acme.example it@acme.example');
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalled());
  const [report] = posted();
  expect(report).toMatchObject({
    users: ['890123'],
    domain: 'corp',
    ports: ['443', '8000-8999'],
    receivers: ['ops@acme.example', 'it@acme.example'],
  });
  expect(report).not.toHaveProperty('devices');
});

it('what is wrong with a filter or a receiver is not sent, and stands at its field', () => {
  const { posted } = open({ status: 201, body: aReport() });
  const filters = screen.getByRole('button', { name: 'More filters' });
  fireEvent.click(filters);
  enter('Devices', 'laptop');
  enter('Receivers', 'ops');
  fireEvent.click(filters);
  expect(filters.textContent).toBe('More filters, 1 set');
  expect(screen.queryByRole('textbox', { name: 'Devices' })).toBeNull();
  send();
  expect(filters.getAttribute('aria-expanded')).toBe('true');
  for (const field of ['Devices', 'Receivers']) {
    expect(screen.getByRole('textbox', { name: field }).getAttribute('aria-invalid')).toBe('true');
  }
  expect(posted()).toEqual([]);
});

it.each([
  ['users', 'Users'],
  ['service_accounts', 'Service accounts'],
  ['resources', 'Resources'],
  ['applied_rules', 'Applied rules'],
  ['connectors', 'Connectors'],
  ['devices', 'Devices'],
  ['protocols', 'Protocols'],
  ['ports', 'Ports'],
  ['statuses', 'Statuses'],
  ['tunnel_paths', 'Tunnel paths'],
  ['countries', 'Countries'],
  ['addresses', 'Addresses'],
  ['domain', 'Domain'],
  ['receivers', 'Receivers'],
])("the server's word about %s stands at %s, which is seen then", async (field, label) => {
  const error = { code: 'bad_field', message: `${field} is not so`, field };
  open({ status: 400, body: { error } });
  send();
  await screen.findByText(`${field} is not so`);
  expect(screen.getByRole('textbox', { name: label }).getAttribute('aria-invalid')).toBe('true');
});

it('what it will be is said below, and its absence holds nothing up', async () => {
  const { onAsked } = open({ status: 201, body: aReport() });
  expect((await screen.findByText(/^How large it will be cannot be told/)).textContent).toContain('does not answer');
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalled());
});

it('asks for a table of traffic, and offers what tells connections apart', async () => {
  const { onAsked, posted } = open({ status: 201, body: aReport() });
  fill('Kind', 'traffic');
  expect(screen.queryByRole('option', { name: 'NDJSON' })).toBeNull();
  expect(screen.queryByRole('switch', { name: 'Include denied attempts' })).toBeNull();
  fill('A row for each', '');
  send();
  expect(screen.getByText('Choose what there is a row for.')).toBeDefined();
  expect(posted()).toEqual([]);
  fireEvent.click(screen.getByRole('textbox', { name: 'And for each' }));
  fireEvent.click(await screen.findByRole('option', { name: 'Tunnel path' }));
  fireEvent.click(screen.getByRole('option', { name: 'User' }));
  fill('A row for each', 'week');
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalled());
  const table = { bucket: 'week', by: ['tunnel_path', 'user'], measures: ['connections', 'bytes'] };
  expect(posted()).toMatchObject([{ kind: 'traffic', format: 'csv', columns: [], denied: false, table }]);
});

it("the server's word about a part of the table stands there", async () => {
  const error = { code: 'bad_request', message: 'by has more than 4 values, or one twice', field: 'table.by' };
  open({ status: 400, body: { error } });
  fill('Kind', 'traffic');
  send();
  await screen.findByText(/has more than 4 values/);
  expect(screen.getByRole('textbox', { name: 'And for each' }).getAttribute('aria-invalid')).toBe('true');
});

it('is split for a spreadsheet, or by what is entered', async () => {
  const { onAsked, posted } = open({ status: 201, body: aReport() });
  expect(screen.queryByLabelText('Rows a file, at most')).toBeNull();
  fill('Files', 'spreadsheet');
  expect(screen.getByText(/^1,048,575 rows a file/)).toBeDefined();
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalledTimes(1));
  fill('Files', 'size');
  fill('Rows a file, at most', '250,000');
  fill('Megabytes a file, at most', '2.5');
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalledTimes(2));
  fill('Format', 'parquet');
  expect(screen.getByText('Of its values, before they are packed.')).toBeDefined();
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalledTimes(3));
  expect(posted()).toMatchObject([
    { split: { preset: 'spreadsheet' } },
    { split: { rows: 250_000, bytes: 2_500_000 } },
    { format: 'parquet', split: { rows: 250_000, bytes: 2_500_000 } },
  ]);
});

it('a file that would be too small, or of any size, is not sent, and says so at its field', () => {
  const { posted } = open({ status: 201, body: aReport() });
  fill('Files', 'size');
  send();
  expect(screen.getByText('Say how large a file may be.')).toBeDefined();
  fill('Rows a file, at most', '999');
  fill('Megabytes a file, at most', '0.1');
  expect(screen.queryByText('Say how large a file may be.')).toBeNull();
  send();
  for (const [label, said] of [
    ['Rows a file, at most', 'Enter 1,000 rows or more.'],
    ['Megabytes a file, at most', 'Enter 1 MB or more.'],
  ] as const) {
    expect(screen.getByText(said)).toBeDefined();
    expect(screen.getByLabelText(label).getAttribute('aria-invalid')).toBe('true');
  }
  expect(posted()).toEqual([]);
});

it.each([
  ['split', 'Files'],
  ['split.rows', 'Rows a file, at most'],
  ['split.bytes', 'Megabytes a file, at most'],
])("the server's word about %s stands at %s", async (field, label) => {
  const error = { code: 'bad_field', message: `${field} is not so`, field };
  open({ status: 400, body: { error } });
  fill('Files', 'size');
  fill('Rows a file, at most', '1000');
  send();
  await screen.findByText(`${field} is not so`);
  expect(screen.getByLabelText(label).getAttribute('aria-invalid')).toBe('true');
});

it('offers what fits the kind and the format, and sends nothing else', async () => {
  const { onAsked, posted } = open({ status: 201, body: aReport() });
  fill('Compression', 'gzip');
  fireEvent.click(screen.getByRole('switch', { name: 'Include denied attempts' }));
  fireEvent.click(screen.getByRole('switch', { name: /^Mark as UTF-8 for Excel/ }));
  fireEvent.click(screen.getByRole('switch', { name: /^Guard against formulas/ }));
  fill('Kind', 'users');
  expect(screen.queryByLabelText('Columns')).toBeNull();
  expect(screen.queryByRole('switch', { name: 'Include denied attempts' })).toBeNull();
  expect(screen.queryByRole('option', { name: 'NDJSON' })).toBeNull();
  fill('Format', 'parquet');
  expect(screen.queryByLabelText('Compression')).toBeNull();
  expect(screen.queryAllByRole('switch')).toEqual([]);
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalled());
  expect(posted()).toMatchObject([
    {
      kind: 'users',
      format: 'parquet',
      denied: false,
      compression: 'none',
      byte_order_mark: false,
      formula_guard: false,
    },
  ]);
});

it('presets are those of the chosen zone', () => {
  open({ status: 201, body: aReport() });
  fireEvent.click(screen.getByRole('button', { name: 'Last year' }));
  const year = new Date().getUTCFullYear();
  expect(screen.getByLabelText('From')).toHaveProperty('value', `${year - 1}-01-01T00:00`);
  expect(screen.getByLabelText('To')).toHaveProperty('value', `${year}-01-01T00:00`);
});

it('a preset is asked for by its name, in the zone that is chosen, until another time is entered', async () => {
  const { onAsked, posted } = open({ status: 201, body: aReport() });
  const preset = (name: string) => screen.getByRole('button', { name });
  expect(preset('Last 24 hours').getAttribute('aria-pressed')).toBe('true');
  fireEvent.click(preset('Last hour'));
  const from = screen.getByLabelText('From') as HTMLInputElement;
  const inUtc = from.value;
  fireEvent.click(screen.getByRole('textbox', { name: 'Time zone' }));
  fireEvent.change(screen.getByRole('textbox', { name: 'Time zone' }), { target: { value: 'Berlin' } });
  fireEvent.click(await screen.findByRole('option', { name: 'Europe/Berlin' }));
  expect(from.value > inUtc).toBe(true);
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalledTimes(1));
  fill('From', '2026-03-29T02:30');
  expect(preset('Last hour').getAttribute('aria-pressed')).toBe('false');
  fill('To', '2026-11-01T00:00');
  send();
  await waitFor(() => expect(onAsked).toHaveBeenCalledTimes(2));
  const [named, entered] = posted();
  expect(named).toMatchObject({ range: 'last hour', zone: 'Europe/Berlin' });
  expect(named).not.toHaveProperty('from');
  expect(entered).toMatchObject({ from: '2026-03-29T02:30', to: '2026-11-01T00:00', zone: 'Europe/Berlin' });
  expect(entered).not.toHaveProperty('range');
});

it.each([
  [
    { from: '2026-10-25T00:30:00Z', to: '2026-10-25T01:30:00Z', from_note: 'occurs twice; the earlier one is meant' },
    'In UTC: 2026-10-25 00:30 – 2026-10-25 01:30 UTCFrom occurs twice; the earlier one is meant.',
  ],
  [
    { from: '2026-03-28T23:00:00Z', to: '2026-03-29T01:30:00Z', to_note: 'does not occur; 03:30 is meant' },
    'In UTC: 2026-03-28 23:00 – 2026-03-29 01:30 UTCTo does not occur; 03:30 is meant.',
  ],
])('what the server takes the range for stands under it: %j', async (estimate, said) => {
  open({ status: 201 }, estimate);
  await waitFor(() => expect(screen.getByRole('status', { name: 'In UTC' }).textContent).toBe(said));
});

it('a range that is empty is not sent, and says so at its end', () => {
  const { posted } = open({ status: 201, body: aReport() });
  fill('From', '2026-11-08T00:00');
  fill('To', '2026-11-01T00:00');
  send();
  expect(screen.getByText('The end must be after the start.')).toBeDefined();
  expect(screen.getByLabelText('To').getAttribute('aria-invalid')).toBe('true');
  expect(posted()).toEqual([]);
});

it("the server's word about a field stands at that field", async () => {
  const error = { code: 'bad_time', message: 'this hour does not exist in the zone', field: 'from' };
  const { onAsked } = open({ status: 400, body: { error } });
  send();
  await screen.findByText('this hour does not exist in the zone');
  expect(screen.getByLabelText('From').getAttribute('aria-invalid')).toBe('true');
  expect(onAsked).not.toHaveBeenCalled();
});

it('a server that is away keeps what was entered, and the form can be sent again', async () => {
  const { onAsked } = open('away');
  fill('From', '2026-11-01T00:00');
  send();
  expect((await screen.findByRole('alert')).textContent).toContain('does not answer');
  expect(screen.getByLabelText('From')).toHaveProperty('value', '2026-11-01T00:00');
  expect(screen.getByRole('button', { name: 'Request report' })).toHaveProperty('disabled', false);
  expect(onAsked).not.toHaveBeenCalled();
});

it('says how long reports take', () => {
  open({ status: 201 });
  expect(screen.getByText(/Most reports take minutes, very large ones hours/)).toBeDefined();
});

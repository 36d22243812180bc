import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { expect, it, vi } from 'vitest';
import type { Schedule } from '../../api/types';
import { aReport, aSchedule } from '../../testing/builders';
import { show } from '../../testing/render';
import { type Answer, serve } from '../../testing/server';
import { FILTER_FIELDS } from './filterForm';
import { Schedules } from './Schedules';

const onMade = vi.fn();

function section(schedules: Schedule[], answers: Record<string, Answer> = {}) {
  const asked = serve({
    'GET /session': { status: 401, body: {} },
    'GET /report-schedules': { body: { schedules } },
    ...answers,
  });
  show(<Schedules networks={{ is: 'loaded', value: [] }} onRetryNetworks={vi.fn()} onMade={onMade} />);
  return asked;
}

const click = async (name: RegExp | string) => fireEvent.click(await screen.findByRole('button', { name }));

it('a schedule says when it makes a report, the next one, and how the last one went', async () => {
  section([aSchedule({ last_run: aReport({ state: 'failed', reason: 'no space' }) })]);
  expect(await screen.findByText('weekly on monday at 06:00 Europe/Berlin, last week, gzip')).toBeDefined();
  expect(screen.getByText('2026-11-30 06:00')).toBeDefined();
  expect(screen.getByText(': no space')).toBeDefined();
});

it('a schedule shows its next runs with their ranges', async () => {
  const run = (day: number) => ({ due: `2026-10-${day}T05:00:00Z`, from: `2026-10-${day - 1}T22:00:00Z`, to: `2026-10-${day}T23:00:00Z` });
  section([aSchedule({ next_runs: [25, 26, 27, 28, 29].map(run) })]);
  const shown = await screen.findByRole('group', { name: 'Next reports of schedule Every week' });
  expect(within(shown).getByText('2026-10-25 06:00').tagName).toBe('TIME');
  const runs = within(shown).getAllByRole('listitem', { hidden: true });
  expect(runs).toHaveLength(5);
  expect(runs[0]?.textContent).toBe('2026-10-25 06:00: 2026-10-25 00:00 – 2026-10-26 00:00 Europe/Berlin');
});

it('a schedule says which connections it is of', async () => {
  section([aSchedule({ users: ['7'], remote_networks: ['64894'] }), aSchedule({ id: 's-2' })]);
  const [first, second] = (await screen.findAllByRole('article')).map(({ textContent }) => textContent);
  expect(first).toContain('64894, User 7');
  expect(second).toContain('All Remote Networks');
});

it('the next runs of what is entered are shown before it is kept', async () => {
  const next_runs = [{ due: '2026-10-25T01:30:00Z', from: '2026-10-23T22:00:00Z', to: '2026-10-24T22:00:00Z' }];
  const asked = section([aSchedule()], { 'POST /report-schedules/preview': { body: { next_runs, keep_days: 30 } } });
  const previews = () => asked.filter(({ path }) => path === '/report-schedules/preview').map(({ body }) => body);
  await click('Change: schedule Every week');
  const preview = await screen.findByRole('status', { name: 'Next reports' });
  await waitFor(() => expect(within(preview).getByRole('listitem')).toBeDefined());
  expect(within(preview).getByRole('listitem').textContent).toBe(
    '2026-10-25 02:30 +01:00: 2026-10-24 00:00 – 2026-10-25 00:00 Europe/Berlin',
  );
  fireEvent.change(screen.getByLabelText('Made'), { target: { value: 'cron' } });
  fireEvent.change(screen.getByLabelText('Cron'), { target: { value: '30 2 31 * *' } });
  expect(preview.textContent).toBe('Next reports: …');
  await waitFor(() => expect(previews()).toHaveLength(2));
  const times = { range: 'last week', zone: 'Europe/Berlin' };
  expect(previews()).toEqual([
    { ...times, when: 'weekly on monday at 06:00' },
    { ...times, when: '30 2 31 * *' },
  ]);
  const keeping = 'Files are kept for 30 days once each is completed.';
  await waitFor(() => expect(preview.textContent).toContain(keeping));
  fireEvent.change(screen.getByLabelText('Made'), { target: { value: 'never' } });
  // Also those that are made by hand.
  await waitFor(() => expect(preview.textContent).toBe(keeping));
  expect(previews().at(-1)).toEqual({ ...times, when: null });
});

it('times that are wrong are said before it is kept, in the words of the server', async () => {
  const error = { code: 'bad_field', message: 'when has 4 fields', field: 'when' };
  section([aSchedule()], { 'POST /report-schedules/preview': { status: 400, body: { error } } });
  await click('Change: schedule Every week');
  expect(await screen.findByText('The next reports cannot be told: when has 4 fields')).toBeDefined();
});

it('a schedule that makes nothing says why', async () => {
  section([aSchedule({ state: 'paused', next_runs: [], reason: 'its owner jo has no account any more' })]);
  expect(await screen.findByText('its owner jo has no account any more')).toBeDefined();
  expect(screen.getByText('Paused')).toBeDefined();
});

it('a schedule is paused, and can be resumed', async () => {
  const paused = aSchedule({ state: 'paused', next_runs: [] });
  section([aSchedule()], { 'POST /report-schedules/s-1/pause': { body: paused } });
  await click('Pause: schedule Every week');
  expect(await screen.findByRole('button', { name: 'Resume: schedule Every week' })).toBeDefined();
});

it('a report is made now', async () => {
  section([aSchedule()], { 'POST /report-schedules/s-1/run': { status: 201, body: aReport() } });
  await click('Make now: schedule Every week');
  await waitFor(() => expect(onMade).toHaveBeenCalledWith(aReport()));
});

it('a schedule is deleted once that was confirmed, and the focus does not get lost', async () => {
  const asked = section([aSchedule()], { 'DELETE /report-schedules/s-1': { status: 204 } });
  await click('Delete: schedule Every week');
  expect(await screen.findByRole('dialog', { name: 'Delete this schedule?' })).toBeDefined();
  await click('Cancel');
  expect(asked.filter(({ method }) => method === 'DELETE')).toEqual([]);
  await click('Delete: schedule Every week');
  await click('Delete');
  await waitFor(() => expect(screen.queryByRole('article')).toBeNull());
  expect(document.activeElement).toBe(screen.getByRole('heading', { name: 'Schedules' }));
});

it('a list that cannot be loaded is asked for again', async () => {
  section([], { 'GET /report-schedules': { status: 503 } });
  expect(await screen.findByText('The schedules could not be loaded.')).toBeDefined();
  serve({ 'GET /report-schedules': { body: { schedules: [aSchedule()] } } });
  await click('Load the schedules again');
  expect(await screen.findByRole('article', { name: 'Schedule Every week' })).toBeDefined();
});

it('what its files are is chosen as for a report, and stands in the list', async () => {
  const kept = aSchedule({ kind: 'summary', format: 'parquet', compression: 'none' });
  const asked = section([], { 'POST /report-schedules': { status: 201, body: kept } });
  await click('New Schedule');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'Every week' } });
  fireEvent.click(screen.getByRole('switch', { name: 'Include denied attempts' }));
  fireEvent.change(screen.getByLabelText('Kind'), { target: { value: 'summary' } });
  expect(screen.queryByLabelText('Columns')).toBeNull();
  fireEvent.change(screen.getByLabelText('Format'), { target: { value: 'parquet' } });
  await click('Save schedule');
  expect(await screen.findByText('weekly on monday at 06:00 Europe/Berlin, last week, Summary, Parquet')).toBeDefined();
  const posted = asked.find(({ path, method }) => method === 'POST' && path === '/report-schedules')?.body;
  expect(posted).toMatchObject({ kind: 'summary', format: 'parquet', compression: 'none', denied: false, columns: [] });
});

it('what was entered is kept, and stands in the list', async () => {
  const asked = section([], { 'POST /report-schedules': { status: 201, body: aSchedule() } });
  await click('New Schedule');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'Every week' } });
  fireEvent.change(screen.getByLabelText('Made'), { target: { value: 'weekly' } });
  fireEvent.change(screen.getByLabelText('Range'), { target: { value: 'last week' } });
  await click('Save schedule');
  expect(await screen.findByRole('article', { name: 'Schedule Every week' })).toBeDefined();
  const posted = asked.find(({ path, method }) => method === 'POST' && path === '/report-schedules')?.body;
  expect(posted).toMatchObject({ name: 'Every week', when: 'weekly on monday at 06:00', range: 'last week', zone: 'UTC' });
});

/** What is sent of a schedule: fields of the filter that let everything through are left out. */
function sentOf({ id, state, reason, owner, next_runs, last_run, ...kept }: Schedule) {
  const isAll = (name: string, value: unknown) =>
    FILTER_FIELDS.some((field) => field === name) && (value === null || (Array.isArray(value) && value.length === 0));
  return Object.fromEntries(Object.entries(kept).filter(([name, value]) => !isAll(name, value)));
}

it('a schedule is changed, and all that is not changed stays', async () => {
  const kept = aSchedule({
    owner: 'jo',
    users: ['890123'],
    client_addresses: ['192.0.2.0/24'],
    receivers: ['jo@acme.example'],
    byte_order_mark: true,
    range: 'last 14 days',
  });
  const changed = { ...kept, name: 'Each week', range: 'last week', owner: 'admin' };
  const asked = section([kept], { 'PUT /report-schedules/s-1': { body: changed } });
  await click('Change: schedule Every week');
  const form = within(await screen.findByRole('dialog', { name: 'Change schedule' }));
  expect(form.getByText(/It belongs to .* and to you once you save it/).textContent).not.toContain('API');
  expect(form.getByLabelText('Made')).toHaveProperty('value', 'weekly');
  expect(form.getByLabelText('Range')).toHaveProperty('value', 'last 14 days');
  expect(form.getByRole('button', { name: 'More filters, 2 set' })).toBeDefined();
  fireEvent.change(form.getByLabelText('Name'), { target: { value: 'Each week' } });
  fireEvent.change(form.getByLabelText('Range'), { target: { value: 'last week' } });
  await click('Save schedule');
  expect(await screen.findByRole('article', { name: 'Schedule Each week' })).toBeDefined();
  const sent = sentOf({ ...kept, name: 'Each week', range: 'last week' });
  expect(sent).toMatchObject({ users: ['890123'], client_addresses: ['192.0.2.0/24'] });
  expect(asked.find(({ method }) => method === 'PUT')?.body).toEqual(sent);
});

it('filters and receivers of a schedule are changed, with the names of those that were chosen', async () => {
  const kept = aSchedule({ users: ['890123'], ports: ['443'], receivers: ['jo@acme.example'] });
  const asked = section([kept], {
    'PUT /report-schedules/s-1': { body: kept },
    'GET /users': { body: { users: [{ id: '890123', name: 'jane@corp.example' }] } },
  });
  await click('Change: schedule Every week');
  await click('More filters, 2 set');
  expect(await screen.findByText('jane@corp.example')).toBeDefined();
  const field = (name: string) => screen.getByRole('textbox', { name });
  fireEvent.keyDown(field('Ports'), { key: 'Backspace' });
  for (const [name, text] of [
    ['Connectors', '7'],
    ['Receivers', 'ops@acme.example'],
  ] as const) {
    fireEvent.change(field(name), { target: { value: text } });
    fireEvent.keyDown(field(name), { key: 'Enter' });
  }
  await click('Save schedule');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  const receivers = ['jo@acme.example', 'ops@acme.example'];
  expect(asked.find(({ method }) => method === 'PUT')?.body).toEqual(
    sentOf({ ...kept, ports: [], connectors: ['7'], receivers }),
  );
});

it('a form that was opened for one is anew for the next', async () => {
  section([aSchedule(), aSchedule({ id: 's-2', name: 'Other', when: null, state: 'by_hand' })]);
  await click('Change: schedule Every week');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'Entered' } });
  await click('Cancel');
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await click('Change: schedule Other');
  expect(await screen.findByLabelText('Name')).toHaveProperty('value', 'Other');
  expect(screen.getByLabelText('Made')).toHaveProperty('value', 'never');
});

it("the server's word about a field stands at that field", async () => {
  const error = { code: 'bad_field', message: 'when never comes', field: 'when' };
  section([], { 'POST /report-schedules': { status: 400, body: { error } } });
  await click('New Schedule');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'Never' } });
  await click('Save schedule');
  expect(await screen.findByText('when never comes')).toBeDefined();
  expect(screen.getByLabelText('At').getAttribute('aria-invalid')).toBe('true');
});

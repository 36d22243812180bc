import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { expect, it, vi } from 'vitest';
import type { BucketSync } from '../../api/types';
import { aBackfill, aSync } from '../../testing/builders';
import { show } from '../../testing/render';
import { type Answer, serve } from '../../testing/server';
import { Syncs } from './Syncs';

function section(syncs: BucketSync[], answers: Record<string, Answer> = {}, destinations = ['lake', 'archive']) {
  const asked = serve({
    'GET /session': { status: 401, body: {} },
    'GET /syncs': { body: { syncs, destinations } },
    ...answers,
  });
  const networks = { is: 'loaded' as const, value: [{ id: '64894', name: 'aws-us-east-1' }] };
  show(<Syncs networks={networks} onRetryNetworks={vi.fn()} />);
  return asked;
}

const click = async (name: RegExp | string) => fireEvent.click(await screen.findByRole('button', { name }));
const fill = async (label: string, value: string) =>
  fireEvent.change(await screen.findByLabelText(label), { target: { value } });

it('a sync says what it writes, how far it is, and its last object', async () => {
  section([aSync()]);
  const article = within(await screen.findByRole('article', { name: 'Bucket sync To our lake' }));
  expect(article.getByText('NDJSON, gzip, every 5 min')).toBeDefined();
  expect(article.getByText('Active')).toBeDefined();
  expect(article.getByText('Lag 4 min 10 s')).toBeDefined();
  expect(article.getByText(/Last object: 1,234 rows, 84 kB/)).toBeDefined();
  expect(article.getByText(/20261124T120000Z-000000042/)).toBeDefined();
});

it('one that fails says since when and why; one that nobody serves is behind', async () => {
  section([
    aSync({ state: 'failing', failing_since: '2026-11-24T11:00:00Z', reason: 'access denied' }),
    aSync({ id: 'b-2', name: 'Late', lag_seconds: 5_000, last_object: null }),
  ]);
  expect(await screen.findByText('access denied')).toBeDefined();
  expect(screen.getByText('Failing')).toBeDefined();
  expect(screen.getByText('Behind')).toBeDefined();
  expect(screen.getByText('No object yet.')).toBeDefined();
});

it('what became of the past is told, the newest first', async () => {
  const range = { from: '2026-10-01T00:00:00Z', to: '2026-10-02T00:00:00Z' };
  section([
    aSync({
      backfills: [
        aBackfill({ ...range, state: 'done', objects: 1 }),
        aBackfill({ ...range, number: 2, hours_done: 5, hours: 24, objects: 3 }),
        aBackfill({ ...range, number: 3 }),
      ],
    }),
  ]);
  const lines = await screen.findAllByText(/^2026-10-01 00:00 – 2026-10-02 00:00 UTC/);
  expect(lines.map((line) => line.textContent?.split('UTC: ')[1])).toEqual([
    'waits for the one before',
    'being written, 5 of 24 hours, 3 objects',
    'done, 1 object',
  ]);
});

it('a sync is paused and resumed by one button', async () => {
  section([aSync()], { 'POST /syncs/b-1/pause': { body: aSync({ state: 'paused', lag_seconds: null }) } });
  const button = await screen.findByRole('button', { name: 'Pause: bucket sync To our lake' });
  fireEvent.click(button);
  expect(await screen.findByRole('button', { name: 'Resume: bucket sync To our lake' })).toBe(button);
});

it('a sync is deleted once that was confirmed', async () => {
  const asked = section([aSync()], { 'DELETE /syncs/b-1': { status: 204 } });
  await click('Delete: bucket sync To our lake');
  expect(asked.filter(({ method }) => method === 'DELETE')).toEqual([]);
  await click('Delete');
  await waitFor(() => expect(screen.queryByRole('article')).toBeNull());
  expect(document.activeElement).toBe(screen.getByRole('heading', { name: 'Bucket syncs' }));
});

it('a refusal stays in the question', async () => {
  const error = { code: 'away', message: 'the event log does not answer; try again in a moment' };
  section([aSync()], { 'DELETE /syncs/b-1': { status: 503, body: { error } } });
  await click('Delete: bucket sync To our lake');
  await click('Delete');
  expect((await screen.findByRole('alert')).textContent).toContain('the event log does not answer');
  expect(screen.getByRole('dialog', { name: 'Delete this bucket sync?' })).toBeDefined();
});

it('a new one is made into one of the buckets that the operator has named', async () => {
  const asked = section([], { 'POST /syncs': { status: 201, body: aSync() } });
  await click('New Bucket Sync');
  await click('Save bucket sync');
  expect(await screen.findByText('Enter a name.')).toBeDefined();
  await fill('Name', ' To our lake ');
  await fill('Bucket', 'archive');
  await fill('Format', 'parquet');
  expect(screen.queryByLabelText('Compression')).toBeNull();
  await fill('Interval', '3600');
  fireEvent.click(screen.getByRole('switch', { name: 'Include denied attempts' }));
  await click('Save bucket sync');
  expect(await screen.findByRole('article')).toBeDefined();
  expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({
    name: 'To our lake',
    destination: 'archive',
    format: 'parquet',
    compression: 'none',
    remote_networks: [],
    denied: true,
    interval_seconds: 3_600,
    receivers: [],
  });
});

it('a new one is of some connections only, and says so', async () => {
  const filter = { remote_networks: ['64894'], ports: ['443', '8000-8999'] };
  const asked = section([], { 'POST /syncs': { status: 201, body: aSync({ ...filter, users: ['7'] }) } });
  await click('New Bucket Sync');
  await fill('Name', 'To our lake');
  fireEvent.click(screen.getByRole('textbox', { name: 'Remote Networks' }));
  fireEvent.click(await screen.findByRole('option', { name: 'aws-us-east-1' }));
  await click('More filters');
  const ports = screen.getByRole('textbox', { name: 'Ports' });
  fireEvent.change(ports, { target: { value: 'https' } });
  fireEvent.keyDown(ports, { key: 'Enter' });
  await click('Save bucket sync');
  expect(ports.getAttribute('aria-invalid')).toBe('true');
  fireEvent.keyDown(ports, { key: 'Backspace' });
  fireEvent.change(ports, { target: { value: '443, 8000-8999' } });
  fireEvent.keyDown(ports, { key: 'Enter' });
  await click('Save bucket sync');
  const made = await screen.findByRole('article');
  expect(made.textContent).toContain('aws-us-east-1, User 7, ports 443, 8000-8999');
  const posted = asked.find(({ method }) => method === 'POST')?.body;
  expect(posted).toMatchObject(filter);
  expect(posted).not.toHaveProperty('users');
});

it('without buckets there is nothing to be made', async () => {
  section([], {}, []);
  expect(await screen.findByText(/the operator has named none/)).toBeDefined();
  expect(screen.queryByRole('button', { name: 'New Bucket Sync' })).toBeNull();
});

it('of one that is there, name, interval and receivers can be changed', async () => {
  const sync = aSync({ interval_seconds: 42 });
  const asked = section([sync], { 'PUT /syncs/b-1': { body: { ...sync, name: 'Lake' } } });
  await click('Change: bucket sync To our lake');
  expect(screen.queryByLabelText('Bucket')).toBeNull();
  expect(await screen.findByRole('option', { name: 'Every 42 s' })).toBeDefined();
  await fill('Name', 'Lake');
  await click('Save bucket sync');
  expect(await screen.findByRole('article', { name: 'Bucket sync Lake' })).toBeDefined();
  const put = asked.find(({ method }) => method === 'PUT')?.body;
  expect(put).toEqual({ name: 'Lake', interval_seconds: 42, receivers: ['ops@acme.example'] });
});

it('a past range is asked for, until the sync was made unless another end is entered', async () => {
  const range = { from: '2026-10-25T11:00:00Z', to: '2026-11-01T11:00:00Z' };
  const asked = section([aSync()], {
    'POST /syncs/b-1/backfill': { body: { ...aSync({ backfills: [aBackfill(range)] }), range } },
  });
  await click('Backfill: bucket sync To our lake');
  expect(await screen.findByLabelText('To')).toHaveProperty('value', '2026-11-01T11:00');
  await click('Backfill');
  expect(await screen.findByText(/2026-10-25 11:00 – 2026-11-01 11:00 UTC: being written/)).toBeDefined();
  const posted = asked.find(({ method }) => method === 'POST')?.body;
  expect(posted).toEqual({ from: '2026-10-25T11:00', to: '2026-11-01T11:00', zone: 'UTC' });
});

it('what a past range was taken for stands at its sync: whole hours of UTC, and what times mean that do not occur once', async () => {
  const range = { from: '2026-10-25T00:00:00Z', to: '2026-10-25T02:00:00Z' };
  const notes = { from_note: 'occurs twice; the earlier one is meant', to_note: 'occurs twice; the later one is meant' };
  const [sync, other] = [aSync({ backfills: [aBackfill(range)] }), aSync({ id: 'b-2', name: 'Late' })];
  section([aSync(), other], { 'POST /syncs/b-1/backfill': { body: { ...sync, range: { ...range, ...notes } } } });
  await click('Backfill: bucket sync To our lake');
  await fill('From', '2026-10-25T02:30');
  await fill('To', '2026-10-25T02:45');
  const entered = screen.getByLabelText('From') as HTMLInputElement;
  expect(entered.step).toBe('60');
  await click('Backfill');
  const said = async (name: string) => {
    const article = within(await screen.findByRole('article', { name: `Bucket sync ${name}` }));
    return article.getByRole('status', { name: 'Backfill in UTC' }).textContent;
  };
  const told = 'In UTC: 2026-10-25 00:00 – 2026-10-25 02:00 UTCFrom occurs twice; the earlier one is meant.To occurs twice; the later one is meant.';
  await waitFor(async () => expect(await said('To our lake')).toBe(told));
  expect(await said('Late')).toBe('');
});

it('the past range that is being written is cancelled once that was confirmed', async () => {
  const [done, written] = [aBackfill({ state: 'done' }), aBackfill({ number: 2 })];
  const cancelled = aSync({ backfills: [done, { ...written, state: 'cancelled' }] });
  const asked = section([aSync({ backfills: [done, written] })], { 'POST /syncs/b-1/backfill/cancel': { body: cancelled } });
  await click('Cancel backfill: bucket sync To our lake');
  await click('Cancel backfill');
  expect(await screen.findByText(/cancelled after 240 of 744 hours, 199 objects/)).toBeDefined();
  expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({ number: 2 });
  expect(screen.queryByRole('button', { name: /^Cancel backfill: / })).toBeNull();
});

it("the server's word about a past range stands at its field", async () => {
  const error = { code: 'bad_field', message: 'from is after the sync was made: what came since then is among its live objects', field: 'from' };
  section([aSync()], { 'POST /syncs/b-1/backfill': { status: 400, body: { error } } });
  await click('Backfill: bucket sync To our lake');
  await fill('From', '2026-10-31T11:30');
  await click('Backfill');
  expect(await screen.findByText(/is after the sync was made/)).toBeDefined();
  expect(screen.getByLabelText('From').getAttribute('aria-invalid')).toBe('true');
});

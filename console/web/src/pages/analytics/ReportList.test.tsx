import { cleanup, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { expect, it, vi } from 'vitest';
import type { Report } from '../../api/types';
import { aManifest, aReport } from '../../testing/builders';
import { show } from '../../testing/render';
import { type Answer, serve } from '../../testing/server';
import { ReportList } from './ReportList';

const onChanged = vi.fn();

function list(...changes: Partial<Report>[]) {
  return listWith({}, ...changes);
}

function listWith(answers: Record<string, Answer>, ...changes: Partial<Report>[]) {
  const message = 'the report is completed already: there is nothing to cancel';
  const asked = serve({
    'GET /session': { status: 401, body: {} },
    'POST /reports/0/cancel': { status: 202, body: aReport({ id: '0', cancel_requested: true }) },
    'POST /reports/1/cancel': { status: 409, body: { error: { code: 'not_now', message } } },
    'POST /reports/0/retry': { status: 202, body: aReport({ id: '0' }) },
    ...answers,
  });
  const reports = changes.map((change, index) => aReport({ id: String(index), ...change }));
  show(<ReportList reports={reports} networks={[{ id: '7', name: 'edge\n🦊' }]} zone="UTC" asked={null} onChanged={onChanged} />);
  return asked;
}

it('a report that waits says how far ingest is behind', () => {
  list({ state: 'waiting', events_behind: 12 });
  expect(screen.getByText('12 events behind')).toBeDefined();
  expect(screen.queryByRole('link')).toBeNull();
});

it('a report that runs has a bar with its share of rows', () => {
  list({ state: 'running', rows: 25, rows_expected: 100 });
  const bar = screen.getByRole('progressbar', { name: 'Progress of the report' });
  expect(bar.getAttribute('aria-valuenow')).toBe('25');
  expect(screen.getByText('25 of 100 rows')).toBeDefined();
});

it('a completed report can be downloaded', () => {
  list({ state: 'completed', rows: 3, size_bytes: 1_500, file_name: 'events.csv' });
  const link = screen.getByRole('link', { name: /^Download report 2026-11-01 00:00/ });
  expect(link.getAttribute('href')).toBe('/api/v1/reports/0/download');
  expect(link.getAttribute('download')).toBe('events.csv');
  expect(screen.getByText('3 rows, 1.5 kB')).toBeDefined();
});

it('a report of several files has a link to each', () => {
  list({ state: 'completed', rows: 3, file_name: 'events.parquet', files: 3 });
  const links = screen.getAllByRole('link', { hidden: true });
  expect(links.map((link) => link.getAttribute('href'))).toEqual(
    [0, 1, 2].map((file) => `/api/v1/reports/0/download?file=${file}`),
  );
  expect(screen.getByText('Download 3 files')).toBeDefined();
});

it('a failed report says why, and has no download', () => {
  list({ state: 'failed', reason: 'the object store refused the file' });
  expect(screen.getByText('the object store refused the file')).toBeDefined();
  expect(screen.queryByRole('link')).toBeNull();
});

it('a report whose request is not known is shown with what is known', () => {
  list({ state: 'completed', rows: 3, from: null, to: null, zone: null, requested_at: null, requested_by: null });
  expect(screen.getByText('Range not known')).toBeDefined();
  expect(screen.getByRole('link', { name: 'Download report Range not known' })).toBeDefined();
});

it('Remote Networks are shown by name, and by id where the name is not known', () => {
  list({ remote_networks: ['7', '8'] });
  expect(screen.getByText('edge 🦊').tagName).toBe('BDI');
  expect(screen.getByText('8').tagName).toBe('BDI');
});

it('a report says which connections it is of, and how its file is written', () => {
  const file = { columns: ['user', 'end_time'], byte_order_mark: true, formula_guard: true };
  list({ users: ['8'], domain: 'corp', ports: ['1', '2', '3', '4'], ...file }, { remote_networks: ['7'], resources: ['9'] });
  const [first, second] = screen.getAllByRole('article').map(({ textContent }) => textContent);
  expect(first).toContain(
    'All Remote Networks, User 8, ports 1, 2, 3 and 1 more, domain corp, 2 columns, marked as UTF-8, guarded against formulas',
  );
  expect(second).toContain('edge\n🦊, Resource 9');
  expect(screen.getByText('corp').tagName).toBe('BDI');
});

it('a completed report says until when it is kept, where it does not stay', () => {
  list({ state: 'completed', expires_at: '2026-12-24T12:00:30Z' }, { state: 'completed', expires_at: null });
  expect(screen.getAllByText(/^Kept until/).map(({ textContent }) => textContent)).toEqual(['Kept until 2026-12-24 12:00']);
});

it('a report that goes on can be cancelled, once', async () => {
  const asked = list({ state: 'running', rows: 25, rows_expected: 100 });
  fireEvent.click(screen.getByRole('button', { name: /^Cancel: report 2026-11-01 00:00/ }));
  await waitFor(() => expect(onChanged).toHaveBeenCalledWith(aReport({ id: '0', cancel_requested: true })));
  expect(asked.find(({ method }) => method === 'POST')?.headers.get('X-Flowledger')).toBe('1');
});

it('a report that is being cancelled says so, and has no button', () => {
  list({ state: 'running', cancel_requested: true });
  expect(screen.getByText('It is being cancelled.')).toBeDefined();
  expect(screen.queryByRole('button')).toBeNull();
});

it('a wish that is refused says why', async () => {
  list({ state: 'completed' }, { state: 'waiting' });
  fireEvent.click(screen.getByRole('button', { name: /^Cancel/ }));
  expect((await screen.findByRole('alert')).textContent).toContain('there is nothing to cancel');
});

it('a report without a file can be asked for again', async () => {
  list({ state: 'failed', reason: 'no space' });
  fireEvent.click(screen.getByRole('button', { name: /^Ask again: report/ }));
  await waitFor(() => expect(onChanged).toHaveBeenCalledWith(aReport({ id: '0' })));
});

const openManifest = () => fireEvent.click(screen.getByRole('button', { name: /^Manifest: report 2026-11-01 00:00/ }));

it('the manifest says rows, files and their SHA-256, and each can be had', async () => {
  listWith({ 'GET /reports/0/manifest': { body: aManifest(2) } }, { state: 'completed', file_name: 'e.parquet', files: 2 });
  openManifest();
  const shown = within(await screen.findByRole('dialog', { name: 'Manifest' }));
  expect(await shown.findByText('3,300,000')).toBeDefined();
  expect(shown.getByText('2, 168 MB')).toBeDefined();
  expect(shown.getByText('1'.repeat(64))).toBeDefined();
  expect(shown.getByRole('link', { name: 'Download part-00001.parquet' }).getAttribute('href')).toBe(
    '/api/v1/reports/0/download?file=1',
  );
  const itself = shown.getByRole('link', { name: 'Download the manifest' });
  expect(itself.getAttribute('href')).toBe('/api/v1/reports/0/manifest');
  expect(itself.getAttribute('download')).toBe('e.parquet.manifest.json');
});

it.each([
  [{ source: 'rollup', agree: true } as const, 'As the roll-ups say'],
  [{ source: 'rollup', agree: false } as const, 'As the rows say; the roll-ups were behind'],
  [{ source: 'none', reason: 'there was no answer' } as const, 'Not held against the roll-ups: there was no answer'],
])('the manifest says what its totals were held against: %j', async (totals, said) => {
  listWith({ 'GET /reports/0/manifest': { body: { ...aManifest(), totals } } }, { state: 'completed' });
  openManifest();
  expect(await screen.findByText(said)).toBeDefined();
});

it('one file has no number; a report without a manifest says so; a store that is away is asked again', async () => {
  listWith({ 'GET /reports/0/manifest': { body: aManifest() } }, { state: 'completed', file_name: 'events.csv.gz' });
  openManifest();
  const link = await screen.findByRole('link', { name: 'Download events.csv.gz' });
  expect(link.getAttribute('href')).toBe('/api/v1/reports/0/download');
  cleanup();
  listWith({ 'GET /reports/0/manifest': { status: 404, body: {} } }, { state: 'completed' });
  openManifest();
  expect(await screen.findByText('This report has no manifest.')).toBeDefined();
  cleanup();
  listWith({ 'GET /reports/0/manifest': { status: 503, body: {} } }, { state: 'completed' });
  openManifest();
  expect(await screen.findByRole('button', { name: 'Try again' })).toBeDefined();
});

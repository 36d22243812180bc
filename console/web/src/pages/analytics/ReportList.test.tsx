import { screen } from '@testing-library/react';
import { expect, it } from 'vitest';
import type { Report } from '../../api/types';
import { aReport } from '../../testing/builders';
import { show } from '../../testing/render';
import { serve } from '../../testing/server';
import { ReportList } from './ReportList';

function list(...changes: Partial<Report>[]) {
  serve({ 'GET /session': { status: 401, body: {} } });
  const reports = changes.map((change, index) => aReport({ id: String(index), ...change }));
  show(<ReportList reports={reports} networks={[{ id: '7', name: 'edge\n🦊' }]} zone="UTC" asked={null} />);
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

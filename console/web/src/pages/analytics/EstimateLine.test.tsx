import { cleanup, screen, waitFor } from '@testing-library/react';
import { expect, it, vi } from 'vitest';
import type { Estimate, NewReport } from '../../api/types';
import { anEstimate } from '../../testing/builders';
import { show } from '../../testing/render';
import { type Answer, serve } from '../../testing/server';
import { MantineProvider } from '@mantine/core';
import { SessionProvider } from '../../app/session';
import { useEstimate } from '../../hooks/useEstimate';
import { EstimateLine } from './EstimateLine';
import { initialForm, reportOf } from './reportForm';

const REPORT = reportOf(initialForm(new Date('2026-11-24T12:00:30Z'), 'Europe/Berlin'));

const Line = ({ report }: { report: NewReport | null }) => <EstimateLine estimating={useEstimate(report)} />;

function told(answer: Answer | 'away', report: NewReport | null = REPORT) {
  const asked = serve({ 'GET /session': { status: 401, body: {} }, 'POST /reports/estimate': answer });
  show(<Line report={report} />);
  return () => asked.filter(({ path }) => path === '/reports/estimate').map(({ body }) => body);
}

const says = (text: RegExp | string) => screen.findByText(text);

it('says how large it would be', async () => {
  const asked = told({ body: anEstimate() });
  expect(screen.getByRole('status').textContent).toBe('Counting connections…');
  expect(await says('About 1,235,000 connections, some 306 MB.')).toBeDefined();
  expect(asked()).toEqual([REPORT]);
});

it('says what would refuse it', async () => {
  const over_limit = { limit: 'limits.rows_a_day', message: 'it has 7 rows, and reports may have 5 a day', again_at: null };
  told({ body: anEstimate({ over_limit }) });
  expect(await says('It would be refused: it has 7 rows, and reports may have 5 a day.')).toBeDefined();
});

it('says how long files are kept, where they are deleted', async () => {
  told({ body: anEstimate({ keep_days: 30 }) });
  expect(await says('Files are kept for 30 days once it is completed.')).toBeDefined();
  cleanup();
  told({ body: anEstimate() });
  expect(await says(/some 306 MB/)).toBeDefined();
  expect(screen.queryByText(/are kept/)).toBeNull();
});

it.each([
  ['away' as const, /cannot be told: The server does not answer/],
  [
    { status: 503, body: { error: { code: 'away', message: 'the database does not answer; try again in a moment' } } },
    /cannot be told: the database does not answer/,
  ],
])('says so where it cannot be told', async (answer, text) => {
  told(answer);
  expect(await says(text)).toBeDefined();
});

it('asks for nothing while something is wrong with the form', async () => {
  const asked = told({ body: anEstimate() }, null);
  expect(await says(/is told once every field is right/)).toBeDefined();
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(asked()).toEqual([]);
});

it('asks anew for another range, gives up what it asked before, and does not ask for what changes no size', async () => {
  const asked: { body: NewReport; signal: AbortSignal; answer: (estimate: Estimate) => void }[] = [];
  vi.stubGlobal('fetch', (path: string, init: RequestInit = {}) => {
    if (!path.endsWith('/estimate')) return Promise.resolve(new Response('{}', { status: 401 }));
    const body = JSON.parse(String(init.body)) as NewReport;
    return new Promise((resolve) => {
      const answer = (estimate: Estimate) => resolve(new Response(JSON.stringify(estimate)));
      asked.push({ body, signal: init.signal as AbortSignal, answer });
    });
  });
  const line = (report: NewReport) => (
    <MantineProvider env="test">
      <SessionProvider>
        <Line report={report} />
      </SessionProvider>
    </MantineProvider>
  );
  const { rerender } = show(null);
  rerender(line(REPORT));
  await waitFor(() => expect(asked).toHaveLength(1));
  const other = { ...REPORT, range: 'last year' };
  rerender(line(other));
  rerender(line({ ...other, users: ['7'] }));
  expect(asked[0]?.signal.aborted).toBe(true);
  await waitFor(() => expect(asked).toHaveLength(2));
  expect(asked[1]?.body).toEqual({ ...other, users: ['7'] });
  rerender(line({ ...other, users: ['7'], formula_guard: true, split: { rows: 5_000 }, receivers: ['a@x.example'] }));
  // An answer that comes late is of another question.
  asked[0]?.answer(anEstimate({ connections: 1 }));
  asked[1]?.answer(anEstimate());
  expect(await says('About 1,235,000 connections, some 306 MB.')).toBeDefined();
  expect(asked).toHaveLength(2);
  expect(asked[1]?.signal.aborted).toBe(false);
});

import { act, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { show } from '../testing/render';
import { serve } from '../testing/server';
import { useKept } from './useKept';

interface Thing {
  id: string;
  says: string;
}

const all = (things: Thing[]) => things;
let answer: () => Promise<Thing[]>;
const load = () => answer();
let change: (id: string, now: Thing | null) => void;

function List() {
  const kept = useKept(load, all, 10_000);
  change = kept.change;
  return (
    <p>
      {kept.items.map(({ says }) => says).join(' ') || 'nothing'}
      {kept.error !== null && ', failed'}
    </p>
  );
}

const said = () => screen.getByRole('paragraph').textContent;
const pass = (milliseconds: number) => act(() => vi.advanceTimersByTimeAsync(milliseconds));
const things = (...says: string[]) => () => Promise.resolve(says.map((word, index) => ({ id: String(index), says: word })));

beforeEach(async () => {
  vi.useFakeTimers();
  serve({ 'GET /session': { status: 401, body: {} } });
  answer = things('one', 'two');
  show(<List />);
  await pass(0);
});
afterEach(() => vi.useRealTimers());

it('is refreshed, and keeps what is known where that fails', async () => {
  expect(said()).toBe('one two');
  answer = () => Promise.reject(new Error('away'));
  await pass(10_000);
  expect(said()).toBe('one two, failed');
  answer = things('three');
  await pass(10_000);
  expect(said()).toBe('three');
});

it('what was changed here outlives an answer that may not know of it, and no longer', async () => {
  await pass(9_000);
  act(() => change('0', { id: '0', says: 'new' }));
  act(() => change('1', null));
  expect(said()).toBe('new');
  await pass(1_000);
  expect(said()).toBe('new');
  await pass(10_000);
  expect(said()).toBe('one two');
});

it('a page that nobody sees asks for nothing', async () => {
  const seen = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
  answer = things('three');
  await pass(30_000);
  expect(said()).toBe('one two');
  seen.mockReturnValue('visible');
  await pass(10_000);
  expect(said()).toBe('three');
});

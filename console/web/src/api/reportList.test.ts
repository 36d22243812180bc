import { expect, it } from 'vitest';
import { aReport } from '../testing/builders';
import { withChanged } from './reportList';

const older = aReport({ id: 'a', requested_at: '2026-11-24T11:00:00Z' });
const newer = aReport({ id: 'b', requested_at: '2026-11-24T12:00:00Z' });

it('a changed report takes the place of its older self', () => {
  const changed = { ...older, state: 'running' as const };
  expect(withChanged([newer, older], changed)).toEqual([newer, changed]);
});

it('a new report stands first', () => {
  expect(withChanged([older], newer)).toEqual([newer, older]);
});

it('a report whose request is not known stands last', () => {
  const unknown = aReport({ id: 'z', requested_at: null });
  expect(withChanged([newer, older], unknown).at(-1)).toBe(unknown);
});

it('reports of the same moment are in the order of their ids, newest first', () => {
  const twin = { ...newer, id: 'c' };
  expect(withChanged([newer], twin).map(({ id }) => id)).toEqual(['c', 'b']);
});

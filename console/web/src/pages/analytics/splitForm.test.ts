import { expect, it } from 'vitest';
import { NO_SPLIT, splitFormOf, splitOf, validateSplit } from './splitForm';

const bySize = (rows: number | string, megabytes: number | string) => ({ by: 'size' as const, rows, megabytes });

it('is what the server takes', () => {
  expect(splitOf(NO_SPLIT)).toBeNull();
  expect(splitOf({ ...bySize(5_000, 2), by: 'nothing' })).toBeNull();
  expect(splitOf({ ...NO_SPLIT, by: 'spreadsheet' })).toEqual({ preset: 'spreadsheet' });
  expect(splitOf(bySize(250_000, ''))).toEqual({ rows: 250_000 });
  expect(splitOf(bySize('', 1.5))).toEqual({ bytes: 1_500_000 });
  expect(splitOf(bySize('1000', '2.000001'))).toEqual({ rows: 1_000, bytes: 2_000_001 });
});

it.each([
  [null],
  [{ rows: 5_000 }],
  [{ bytes: 1_234_567 }],
  [{ rows: 1_048_575, bytes: 2_000_000 }],
])('what was asked for is asked for again: %o', (split) => {
  expect(splitOf(splitFormOf(split))).toEqual(split);
});

it('the rows of the preset are the preset', () => {
  expect(splitFormOf({ rows: 1_048_575 })).toEqual({ ...NO_SPLIT, by: 'spreadsheet' });
});

it('says what is wrong at its field, and nothing of what is not used', () => {
  expect(validateSplit(bySize('', ''))).toEqual({ 'split.rows': 'Say how large a file may be.' });
  expect(validateSplit(bySize(999, 0.5))).toEqual({
    'split.rows': 'Enter 1,000 rows or more.',
    'split.bytes': 'Enter 1 MB or more.',
  });
  expect(validateSplit(bySize('-', ''))).toEqual({ 'split.rows': 'Enter 1,000 rows or more.' });
  for (const right of [bySize(1_000, ''), bySize('', 1), NO_SPLIT, { ...bySize('', 0), by: 'spreadsheet' as const }]) {
    expect(validateSplit(right)).toEqual({});
  }
});

/// How large a report would be, in words.
import type { Estimate } from '../api/types';
import { formatBytes, formatCountOf } from './bytes';

/** `About 1,234,000 connections, some 75 MB.`: four digits of what is not exact, and no size where none is known. */
export function describeEstimate({ connections, rows, size_bytes: size, exact }: Estimate): string {
  if (connections === 0) return exact ? 'No connections.' : 'No connections so far.';
  const count = (number: number, one: string) => formatCountOf(exact ? number : Number(number.toPrecision(4)), one);
  const parts = [
    `${exact ? '' : 'About '}${count(connections, 'connection')}`,
    rows === null || rows === connections ? '' : count(rows, 'row'),
    size === null ? 'a file whose size is known once it is made' : `some ${formatBytes(size)}`,
  ];
  return `${parts.filter((part) => part !== '').join(', ')}.`;
}

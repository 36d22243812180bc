/// How a report is split into files, as a form has it: pure.
import type { FileSplit } from '../../api/types';
import { SPREADSHEET_ROWS } from '../../format/files';
import type { Errors } from '../../hooks/useForm';

export type SplitBy = 'nothing' | 'spreadsheet' | 'size';

export interface SplitForm {
  by: SplitBy;
  /** As they are typed; not used but by size. */
  rows: number | string;
  megabytes: number | string;
}

export const SPLIT_FIELDS = ['split', 'split.rows', 'split.bytes'] as const;

export type SplitErrors = Errors<(typeof SPLIT_FIELDS)[number]>;

export const NO_SPLIT: SplitForm = { by: 'nothing', rows: '', megabytes: '' };

/** Of each file. */
export const ROWS_MIN = 1_000;
export const MEGABYTES_MIN = 1;
const MEGABYTE = 1_000_000;

const isGiven = (entered: number | string) => String(entered).trim() !== '';

/** What is asked for; null: as few files as there can be. */
export function splitOf({ by, rows, megabytes }: SplitForm): FileSplit | null {
  if (by === 'nothing') return null;
  if (by === 'spreadsheet') return { preset: 'spreadsheet' };
  return {
    ...(isGiven(rows) && { rows: Number(rows) }),
    ...(isGiven(megabytes) && { bytes: Math.round(Number(megabytes) * MEGABYTE) }),
  };
}

/** What was asked for, to be changed. The server knows the preset by its rows. */
export function splitFormOf(split: FileSplit | null): SplitForm {
  if (split === null) return NO_SPLIT;
  const { rows, bytes } = split;
  if (rows === SPREADSHEET_ROWS && bytes === undefined) return { ...NO_SPLIT, by: 'spreadsheet' };
  return { by: 'size', rows: rows ?? '', megabytes: bytes === undefined ? '' : bytes / MEGABYTE };
}

/** What is wrong with it; empty when nothing is. The server has the last word. */
export function validateSplit({ by, rows, megabytes }: SplitForm): SplitErrors {
  const errors: SplitErrors = {};
  if (by !== 'size') return errors;
  if (!isGiven(rows) && !isGiven(megabytes)) errors['split.rows'] = 'Say how large a file may be.';
  const isWrong = (entered: number | string, min: number) => isGiven(entered) && !(Number(entered) >= min);
  if (isWrong(rows, ROWS_MIN)) errors['split.rows'] = 'Enter 1,000 rows or more.';
  if (isWrong(megabytes, MEGABYTES_MIN)) errors['split.bytes'] = 'Enter 1 MB or more.';
  return errors;
}

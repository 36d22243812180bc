/// The New Report form without its looks: pure.
import type { FileChoice, NewReport } from '../../api/types';
import { LAST_DAY } from '../../format/presets';
import { USUAL_TABLE } from '../../format/tables';
import { receiversError } from '../../format/tags';
import { isEmptyRange, isZone } from '../../format/times';
import type { Errors } from '../../hooks/useForm';
import { FILTER_FIELDS, type FilterForm, filterOf, NO_FILTER, validateFilter } from './filterForm';
import { NO_SPLIT, SPLIT_FIELDS, type SplitForm, splitOf, validateSplit } from './splitForm';

/** What a file lists and how it is written, as it is entered. */
export interface FileForm extends Omit<FileChoice, 'split'> {
  split: SplitForm;
}

export interface ReportForm extends FileForm {
  from: string;
  to: string;
  /** The range's name, until another is entered: it is asked for by it, since local times may occur twice. */
  preset: string | null;
  zone: string;
  remote_networks: string[];
  filter: FilterForm;
  /** Empty: who asks. */
  receivers: string[];
}

export type FormErrors = Errors<(typeof REPORT_FIELDS)[number]>;

/** Network events as CSV. */
export const USUAL_FILE: FileForm = {
  denied: false,
  kind: 'events',
  format: 'csv',
  columns: [],
  compression: 'none',
  byte_order_mark: false,
  formula_guard: false,
  table: null,
  split: NO_SPLIT,
};

/** The last 24 hours of all Remote Networks. */
export function initialForm(now: Date, zone: string): ReportForm {
  const { name: preset, range } = LAST_DAY;
  return { ...range(now, zone), preset, zone, remote_networks: [], filter: NO_FILTER, receivers: [], ...USUAL_FILE };
}

/** The form without what does not fit its kind and format, which is not shown then. */
export function fitting<F extends FileForm>(form: F): F {
  const ofEvents = form.kind === 'events';
  const format = form.format === 'ndjson' && !ofEvents ? 'csv' : form.format;
  return {
    ...form,
    format,
    denied: ofEvents && form.denied,
    columns: ofEvents && format !== 'ndjson' ? form.columns : [],
    compression: format === 'parquet' ? 'none' : form.compression,
    byte_order_mark: format === 'csv' && form.byte_order_mark,
    formula_guard: format === 'csv' && form.formula_guard,
    table: form.kind === 'traffic' ? (form.table ?? USUAL_TABLE) : null,
  };
}

/** The form once a part of it was entered. */
export function fittingPart<F extends FileForm>(form: F, part: Partial<F>): F {
  return fitting({ ...form, ...part });
}

/** What is sent. */
export function reportOf({ from, to, preset, filter, receivers, ...form }: ReportForm): NewReport {
  return {
    ...(preset === null ? { from, to } : { range: preset }),
    ...form,
    split: splitOf(form.split),
    ...filterOf(filter),
    ...(receivers.length > 0 && { receivers }),
  };
}

const LOCAL_TIME = /^(\d{4})-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/;

function timeError(local: string): string | undefined {
  const year = Number(LOCAL_TIME.exec(local)?.[1] ?? Number.NaN);
  if (Number.isNaN(year)) return 'Enter a date and a time.';
  if (year < 1970 || year > 2100) return 'Enter a year from 1970 to 2100.';
  return undefined;
}

/** What is wrong with the table, where there is one. */
export function tableError({ table }: Pick<FileChoice, 'table'>): string | undefined {
  return table && !table.bucket && table.by.length === 0 ? 'Choose what there is a row for.' : undefined;
}

/** What is wrong with the form; empty when nothing is. The server has the last word. */
export function validate(form: ReportForm): FormErrors {
  const errors: FormErrors = { ...validateSplit(form.split), ...validateFilter(form.filter) };
  const from = timeError(form.from);
  const to = timeError(form.to);
  if (from) errors.from = from;
  if (to) errors.to = to;
  const isEntered = form.preset === null && !from && !to;
  if (isEntered && isEmptyRange(form.from, form.to, form.zone)) errors.to = 'The end must be after the start.';
  if (!isZone(form.zone)) errors.zone = 'Choose a time zone.';
  const receivers = receiversError(form.receivers);
  if (receivers) errors.receivers = receivers;
  const table = tableError(form);
  if (table) errors.table = table;
  return errors;
}

export const FILE_FIELDS = [
  'denied',
  'kind',
  'format',
  'columns',
  'compression',
  'byte_order_mark',
  'formula_guard',
  'table',
  ...SPLIT_FIELDS,
] as const;

export type FileErrors = Errors<(typeof FILE_FIELDS)[number]>;

/** Fields of whatever asks for reports: of what, for whom, and how they are written. */
export const ASKING_FIELDS = ['zone', 'remote_networks', 'receivers', ...FILTER_FIELDS, ...FILE_FIELDS] as const;

/** The names of its fields that the form shares with the server. */
export const REPORT_FIELDS = ['from', 'to', ...ASKING_FIELDS] as const;

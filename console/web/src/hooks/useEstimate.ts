/// How large a report would be, and of which time.
import { estimateReport } from '../api/client';
import type { Estimate, NewReport } from '../api/types';
import { type Answering, useAnswer } from './useAnswer';

/** The report without what changes nothing of its size, and is not to ask anew. */
function sizing(report: NewReport): NewReport {
  const { receivers: _, ...rest } = report;
  return { ...rest, byte_order_mark: false, formula_guard: false, split: null };
}

/** `report`: null where none can be asked for as it is. */
export function useEstimate(report: NewReport | null): Answering<Estimate> {
  return useAnswer(report && sizing(report), estimateReport);
}

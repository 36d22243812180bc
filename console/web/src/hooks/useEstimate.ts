/// How large a report would be, asked for a moment after the last change. What was asked before is given up.
import { useEffect, useState } from 'react';
import { estimateReport } from '../api/client';
import { messageOf, SessionEnded } from '../api/errors';
import type { Estimate, NewReport } from '../api/types';
import { useSession } from '../app/session';

export type Estimating =
  /** There is nothing to ask for yet. */
  | { is: 'nothing' }
  | { is: 'asking' }
  | { is: 'told'; estimate: Estimate }
  | { is: 'untold'; reason: string };

const PAUSE_MS = 500;

/** The report without what changes nothing of its size, and is not to ask anew. */
function sizing(report: NewReport): NewReport {
  const { receivers: _, ...rest } = report;
  return { ...rest, byte_order_mark: false, formula_guard: false, split: null };
}

/** `report`: null where none can be asked for as it is. */
export function useEstimate(report: NewReport | null): Estimating {
  const { ended } = useSession();
  const [state, setState] = useState<Estimating>({ is: 'nothing' });
  // As text: the same question is the same whenever it is made.
  const question = report && JSON.stringify(sizing(report));

  useEffect(() => {
    if (question === null) return setState({ is: 'nothing' });
    setState({ is: 'asking' });
    const stop = new AbortController();
    const ask = async () => {
      try {
        const estimate = await estimateReport(JSON.parse(question) as NewReport, stop.signal);
        if (!stop.signal.aborted) setState({ is: 'told', estimate });
      } catch (error) {
        if (stop.signal.aborted) return;
        if (error instanceof SessionEnded) ended(error.message);
        else setState({ is: 'untold', reason: messageOf(error) });
      }
    };
    const timer = setTimeout(() => void ask(), PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [question, ended]);
  return state;
}

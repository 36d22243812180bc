/// The list of reports, kept fresh: changes come as server-sent events; while that stream is down, by asking.
import { useCallback, useEffect, useRef, useState } from 'react';
import { listReports, REPORT_CHANGES } from '../api/client';
import { SessionEnded } from '../api/errors';
import { withChanged } from '../api/reportList';
import type { Report } from '../api/types';
import { useSession } from '../app/session';

const POLL_EVERY_MS = 5_000;

export interface Reports {
  /** Newest first; null until the first answer. */
  reports: Report[] | null;
  /** Why the last request failed; null when it did not. */
  error: unknown;
  /** Whether changes arrive by themselves. */
  live: boolean;
  reload: () => void;
  /** Puts in a report that this page has just asked for. */
  add: (report: Report) => void;
}

export function useReports(): Reports {
  const { ended } = useSession();
  const [reports, setReports] = useState<Report[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [live, setLive] = useState(false);
  // Changes that arrive while a list is on its way are newer than that list.
  const arrived = useRef(new Map<string, Report>());
  const loads = useRef(0);
  const [started, setStarted] = useState(0);

  const load = useCallback(
    async (signal: AbortSignal) => {
      loads.current += 1;
      try {
        const listed = await listReports(signal);
        if (signal.aborted) return;
        setReports([...arrived.current.values()].reduce<Report[]>(withChanged, listed));
        setError(null);
      } catch (failure) {
        if (signal.aborted) return;
        if (failure instanceof SessionEnded) ended(failure.message);
        else setError(failure);
      } finally {
        loads.current -= 1;
        if (loads.current === 0) arrived.current.clear();
      }
    },
    [ended],
  );

  const add = useCallback((report: Report) => {
    if (loads.current > 0) arrived.current.set(report.id, report);
    setReports((current) => withChanged(current ?? [], report));
  }, []);

  useEffect(() => {
    // An answer that comes after the page was left, or after signing out, is nobody's.
    const stop = new AbortController();
    const { signal } = stop;
    void load(signal);
    let stream: EventSource | null = null;
    const open = () => {
      stream = new EventSource(REPORT_CHANGES);
      // What changed while the stream was down is in the list.
      stream.onopen = () => {
        setLive(true);
        void load(signal);
      };
      stream.onerror = () => setLive(false);
      stream.addEventListener('changed', (event: MessageEvent<string>) => {
        const report = parseReport(event.data);
        if (report) add(report);
      });
    };
    open();
    const timer = window.setInterval(() => {
      if (stream?.readyState === EventSource.OPEN) return;
      void load(signal);
      // The browser gives up for good after an answer that is no stream; we do not.
      if (stream?.readyState === EventSource.CLOSED) open();
    }, POLL_EVERY_MS);
    return () => {
      stop.abort();
      window.clearInterval(timer);
      stream?.close();
    };
  }, [load, add, started]);

  const reload = useCallback(() => setStarted((times) => times + 1), []);
  return { reports, error, live, reload, add };
}

function parseReport(data: string): Report | null {
  try {
    return JSON.parse(data) as Report;
  } catch {
    return null;
  }
}

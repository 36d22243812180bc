/// A list of things that are kept, and what was changed of them on this page. Refreshed while the page is seen, where it says how often.
import { useCallback, useEffect, useState } from 'react';
import { SessionEnded } from '../api/errors';
import { useSession } from '../app/session';

/** What was changed here comes round within this: a list that was asked for earlier may not know of it. */
const SETTLED_MS = 5_000;

interface Change<T> {
  /** null: it was deleted. */
  now: T | null;
  at: number;
}

export interface Kept<V, T> {
  /** The last answer; null until the first one. */
  value: V | null;
  /** Oldest first. */
  items: T[];
  /** Why the last request failed; null when it did not. */
  error: unknown;
  retry: () => void;
  /** As it is now; null: it was deleted. */
  change: (id: string, now: T | null) => void;
}

/** `load` and `itemsOf` must keep their identity. */
export function useKept<V, T extends { id: string }>(
  load: (signal: AbortSignal) => Promise<V>,
  itemsOf: (value: V) => readonly T[],
  refreshMs?: number,
): Kept<V, T> {
  const { ended } = useSession();
  const [value, setValue] = useState<V | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [changes, setChanges] = useState<ReadonlyMap<string, Change<T>>>(new Map());
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const stop = new AbortController();
    let busy = false;
    const ask = async () => {
      if (busy) return;
      busy = true;
      const asked = Date.now();
      try {
        const answer = await load(stop.signal);
        if (stop.signal.aborted) return;
        setValue(answer);
        setError(null);
        setChanges((current) => new Map([...current].filter(([, { at }]) => at > asked - SETTLED_MS)));
      } catch (failure) {
        if (stop.signal.aborted) return;
        if (failure instanceof SessionEnded) ended(failure.message);
        else setError(failure);
      } finally {
        busy = false;
      }
    };
    void ask();
    const timer =
      refreshMs === undefined
        ? undefined
        : window.setInterval(() => {
            if (document.visibilityState !== 'hidden') void ask();
          }, refreshMs);
    return () => {
      stop.abort();
      window.clearInterval(timer);
    };
  }, [load, attempt, ended, refreshMs]);

  const retry = useCallback(() => {
    setError(null);
    setAttempt((attempts) => attempts + 1);
  }, []);
  const change = useCallback((id: string, now: T | null) => {
    setChanges((current) => new Map(current).set(id, { now, at: Date.now() }));
  }, []);
  return { value, items: withChanges(value === null ? [] : itemsOf(value), changes), error, retry, change };
}

function withChanges<T extends { id: string }>(items: readonly T[], changes: ReadonlyMap<string, Change<T>>): T[] {
  const known = new Map<string, T | null>(items.map((item) => [item.id, item]));
  changes.forEach(({ now }, id) => known.set(id, now));
  return [...known.values()].filter((item) => item !== null);
}

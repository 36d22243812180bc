/// Loads something for a page; a session that has ended leads to the sign-in page.
import { useCallback, useEffect, useState } from 'react';
import { SessionEnded } from '../api/errors';
import { useSession } from '../app/session';

export type Loaded<T> = { is: 'loading' } | { is: 'loaded'; value: T } | { is: 'failed'; error: unknown };

/** `load` must keep its identity (useCallback): a new one is loaded at once, the old answer is thrown away. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>): { loaded: Loaded<T>; retry: () => void } {
  const { ended } = useSession();
  const [loaded, setLoaded] = useState<Loaded<T>>({ is: 'loading' });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const stop = new AbortController();
    setLoaded({ is: 'loading' });
    load(stop.signal).then(
      (value) => {
        if (!stop.signal.aborted) setLoaded({ is: 'loaded', value });
      },
      (error: unknown) => {
        if (stop.signal.aborted) return;
        if (error instanceof SessionEnded) ended(error.message);
        else setLoaded({ is: 'failed', error });
      },
    );
    return () => stop.abort();
  }, [load, attempt, ended]);

  const retry = useCallback(() => setAttempt((attempts) => attempts + 1), []);
  return { loaded, retry };
}

/// Something that is wanted of the server, one at a time: whether it is on its way, and why it did not work.
import { useCallback, useState } from 'react';
import { SessionEnded } from '../api/errors';
import { useSession } from '../app/session';

export interface Wishes {
  sending: boolean;
  /** Why the last one did not work; null when it did. */
  error: unknown;
  /** What went wrong was read. */
  forget: () => void;
  /** Whether it worked; a session that has ended leads to the sign-in page. */
  send: (act: () => Promise<void>) => Promise<boolean>;
}

export function useWish(): Wishes {
  const { ended } = useSession();
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const send = useCallback(
    async (act: () => Promise<void>) => {
      setSending(true);
      setError(null);
      try {
        await act();
        return true;
      } catch (failure) {
        if (failure instanceof SessionEnded) ended(failure.message);
        else setError(failure);
        return false;
      } finally {
        setSending(false);
      }
    },
    [ended],
  );
  const forget = useCallback(() => setError(null), []);
  return { sending, error, forget, send };
}

/// Who is signed in, and what happens when the session ends under a page.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import { currentSession, signOut } from '../api/client';
import type { Session } from '../api/types';

export type SessionState =
  | { is: 'loading' }
  | { is: 'away'; error: unknown }
  | { is: 'signedOut'; notice: string | null }
  | { is: 'signedIn'; session: Session };

interface SessionContext {
  state: SessionState;
  /** Asks the server anew. */
  refresh: () => void;
  signedIn: (session: Session) => void;
  /** The server knows this session no more. */
  ended: (notice: string) => void;
  leave: () => Promise<void>;
}

const Context = createContext<SessionContext | null>(null);

export function SessionProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<SessionState>({ is: 'loading' });
  const [asked, setAsked] = useState(0);

  useEffect(() => {
    const stop = new AbortController();
    currentSession(stop.signal).then(
      (session) => setState(session ? { is: 'signedIn', session } : { is: 'signedOut', notice: null }),
      (error: unknown) => {
        if (!stop.signal.aborted) setState({ is: 'away', error });
      },
    );
    return () => stop.abort();
  }, [asked]);

  const refresh = useCallback(() => {
    setState({ is: 'loading' });
    setAsked((times) => times + 1);
  }, []);
  const signedIn = useCallback((session: Session) => setState({ is: 'signedIn', session }), []);
  const ended = useCallback((notice: string) => setState({ is: 'signedOut', notice }), []);
  const leave = useCallback(async () => {
    await signOut();
    setState({ is: 'signedOut', notice: null });
  }, []);

  const value = useMemo(
    () => ({ state, refresh, signedIn, ended, leave }),
    [state, refresh, signedIn, ended, leave],
  );
  return <Context value={value}>{children}</Context>;
}

export function useSession(): SessionContext {
  const context = useContext(Context);
  if (!context) throw new Error('useSession needs a SessionProvider around it');
  return context;
}

/// Who is signed in, and what happens when the session ends or changes under a page.
///
/// All tabs of a browser share the cookie: who signs in as another account in one of them acts as it in all. So a page of the account before goes
/// as soon as another tab says so, and where none does, as when a frozen page comes back, when it is looked at again.
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { currentSession, signOut } from '../api/client';
import { SessionEnded } from '../api/errors';
import type { Session } from '../api/types';

export type SessionState =
  | { is: 'loading' }
  | { is: 'away'; error: unknown }
  | { is: 'signedOut'; notice: string | null }
  | { is: 'signedIn'; session: Session };

/** What tabs tell each other: the session that there is now. */
export const TABS = 'flowledger-session';

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

/** Who a page shows. Others' pages are others, whatever stands on them. */
const isSame = (one: Session, other: Session) => one.tenant === other.tenant && one.account === other.account;

export function SessionProvider({ children }: { children: ReactNode }) {
  const [state, setState] = useState<SessionState>({ is: 'loading' });
  const [asked, setAsked] = useState(0);
  const shown = useRef<Session | null>(null);
  shown.current = state.is === 'signedIn' ? state.session : null;
  const tabs = useRef<BroadcastChannel | null>(null);

  useEffect(() => {
    const stop = new AbortController();
    currentSession(stop.signal).then(
      (session) => {
        if (!stop.signal.aborted) setState(session ? { is: 'signedIn', session } : { is: 'signedOut', notice: null });
      },
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
  const signedIn = useCallback((session: Session) => {
    tabs.current?.postMessage(session);
    setState({ is: 'signedIn', session });
  }, []);
  const ended = useCallback((notice: string) => setState({ is: 'signedOut', notice }), []);
  const leave = useCallback(async () => {
    await signOut();
    tabs.current?.postMessage(null);
    setState({ is: 'signedOut', notice: null });
  }, []);

  useEffect(() => {
    const channel = new BroadcastChannel(TABS);
    channel.onmessage = ({ data }: MessageEvent<Session | null>) => {
      // The same account again: what is being typed stays.
      if (data && shown.current && isSame(data, shown.current)) return;
      // The page goes at once, and what it was about to do with it.
      refresh();
    };
    tabs.current = channel;
    return () => channel.close();
  }, [refresh]);

  useEffect(() => {
    const stop = new AbortController();
    const look = async () => {
      const before = shown.current;
      if (document.visibilityState === 'hidden' || !before) return;
      // Where the server is away the page says so itself, as soon as it asks for anything.
      const now = await currentSession(stop.signal).catch(() => undefined);
      if (stop.signal.aborted || now === undefined || before !== shown.current) return;
      if (now === null) ended(new SessionEnded().message);
      else if (!isSame(now, before)) refresh();
    };
    const onChange = () => void look();
    document.addEventListener('visibilitychange', onChange);
    return () => {
      stop.abort();
      document.removeEventListener('visibilitychange', onChange);
    };
  }, [ended, refresh]);

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

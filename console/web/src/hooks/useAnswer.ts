/// What the server says of what a form holds, asked for a moment after its last change. What was asked before is given up.
import { useEffect, useState } from 'react';
import { messageOf, SessionEnded } from '../api/errors';
import { useSession } from '../app/session';

export type Answering<A> =
  /** There is nothing to ask for yet. */
  | { is: 'nothing' }
  | { is: 'asking' }
  | { is: 'told'; answer: A }
  | { is: 'untold'; reason: string };

const PAUSE_MS = 500;

/** `question`: null where none can be asked as it is. `ask` must keep its identity. */
export function useAnswer<Q, A>(question: Q | null, ask: (question: Q, signal: AbortSignal) => Promise<A>): Answering<A> {
  const { ended } = useSession();
  const [state, setState] = useState<Answering<A>>({ is: 'nothing' });
  // As text: the same question is the same whenever it is made.
  const text = question === null ? null : JSON.stringify(question);

  useEffect(() => {
    if (text === null) return setState({ is: 'nothing' });
    setState({ is: 'asking' });
    const stop = new AbortController();
    const askNow = async () => {
      try {
        const answer = await ask(JSON.parse(text) as Q, stop.signal);
        if (!stop.signal.aborted) setState({ is: 'told', answer });
      } catch (error) {
        if (stop.signal.aborted) return;
        if (error instanceof SessionEnded) ended(error.message);
        else setState({ is: 'untold', reason: messageOf(error) });
      }
    };
    const timer = setTimeout(() => void askNow(), PAUSE_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, ask, ended]);
  return state;
}

/// A dialog that is open for one of several things.
import { useCallback, useState } from 'react';

export interface Opened<T> {
  isOpen: boolean;
  /** What it is, or was last, open for: closing slides, and it stays as it is meanwhile. */
  what: T;
  open: (what: T) => void;
  close: () => void;
}

export function useOpened<T>(first: T): Opened<T> {
  const [isOpen, setOpen] = useState(false);
  const [what, setWhat] = useState(first);
  const open = useCallback((next: T) => {
    setWhat(next);
    setOpen(true);
  }, []);
  const close = useCallback(() => setOpen(false), []);
  return { isOpen, what, open, close };
}

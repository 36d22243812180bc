/// What may be wanted of whatever is kept.
import type { ReactNode } from 'react';
import { Name } from './Name';
import type { Wish } from './WishButtons';

/** Pausing, or going on. One button: the focus stays on it. */
export function pauseOrResume<T>(
  isPaused: boolean,
  [pause, resume]: readonly [() => Promise<T>, () => Promise<T>],
  onChanged: (now: T) => void,
): Wish {
  const act = isPaused ? resume : pause;
  return { label: isPaused ? 'Resume' : 'Pause', act: async () => onChanged(await act()) };
}

/** Deleting, once it was asked. `lost`: what goes with it, and what stays. */
export function deletion(
  { kind, name }: { kind: string; name: string },
  lost: ReactNode,
  act: () => Promise<void>,
  onDeleted: () => void,
): Wish {
  const text = (
    <>
      <strong>
        <Name value={name} inline />
      </strong>{' '}
      is forgotten. {lost}
    </>
  );
  return { label: 'Delete', act: () => act().then(onDeleted), ask: { title: `Delete this ${kind}?`, text } };
}

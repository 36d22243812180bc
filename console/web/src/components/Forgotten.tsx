import type { ReactNode } from 'react';
import { Name } from './Name';

/** What is lost when something of this name is deleted. */
export function Forgotten({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <strong>
        <Name value={name} inline />
      </strong>{' '}
      is forgotten. {children}
    </>
  );
}

/// What the User page and the Resource page say differently.
import type { Subject } from '../../api/client';
import type { Connection } from '../../api/types';

interface SubjectWords {
  one: string;
  many: string;
  search: string;
  about: string;
}

export const WORDS: Record<Subject, SubjectWords> = {
  users: {
    one: 'User',
    many: 'Users',
    search: 'Search by e-mail',
    about: 'Choose a User to see their recent connections.',
  },
  resources: {
    one: 'Resource',
    many: 'Resources',
    search: 'Search by address',
    about: 'Choose a Resource to see its recent connections.',
  },
};

/** The name that the newest connection gives the subject; null when there is none. */
export function nameOf(subject: Subject, connections: readonly Connection[]): string | null {
  const newest = connections[0];
  if (!newest) return null;
  if (subject === 'users') return newest.user?.email || null;
  return newest.resource.applied_rule || newest.resource.address || null;
}

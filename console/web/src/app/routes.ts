/// Addresses of the pages: pure.
import type { Subject } from '../api/client';

export type Route =
  | { page: 'home' }
  | { page: 'analytics' }
  | { page: 'webhooks' }
  | { page: 'find'; subject: Subject }
  | { page: 'connections'; subject: Subject; id: string }
  | { page: 'unknown' };

export const ANALYTICS = '/settings/analytics';
export const WEBHOOKS = '/settings/webhooks';

export function pathOf(subject: Subject, id?: string): string {
  return id === undefined ? `/${subject}` : `/${subject}/${encodeURIComponent(id)}`;
}

export function routeOf(path: string): Route {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, second] = parts;
  if (first === undefined) return { page: 'home' };
  if (parts.length === 2 && first === 'settings' && (second === 'analytics' || second === 'webhooks')) return { page: second };
  if (first === 'users' || first === 'resources') {
    if (second === undefined) return { page: 'find', subject: first };
    if (parts.length === 2 && /^[0-9]{1,19}$/.test(second)) return { page: 'connections', subject: first, id: second };
  }
  return { page: 'unknown' };
}

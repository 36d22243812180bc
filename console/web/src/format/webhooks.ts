/// What webhooks were told, in words.
import type { Delivery } from '../api/types';
import { formatCountOf } from './bytes';
import { formatDuration } from './durations';

export const DELIVERY_STATES: Record<Delivery['state'], { label: string; color: string }> = {
  delivered: { label: 'Delivered', color: 'green.6' },
  waiting: { label: 'Waiting', color: 'yellow.6' },
  given_up: { label: 'Given up', color: 'red.6' },
};

/** `1 try, 120 ms, answered 200`, and why the last one failed. Nothing was tried yet: nothing is said. */
export function describeTries({ tries, took_ms, status, problem }: Delivery): string {
  const parts = [
    tries > 0 ? formatCountOf(tries, 'try', 'tries') : '',
    took_ms === null ? '' : formatDuration(took_ms),
    status === null ? '' : `answered ${status}`,
    problem ?? '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

import { expect, it } from 'vitest';
import { pathOf, routeOf } from './routes';

it.each([
  ['/', { page: 'home' }],
  ['/settings/analytics', { page: 'analytics' }],
  ['/settings/analytics/', { page: 'analytics' }],
  ['/settings/webhooks', { page: 'webhooks' }],
  ['/settings/webhooks/1', { page: 'unknown' }],
  ['/users', { page: 'find', subject: 'users' }],
  ['/users/890123', { page: 'connections', subject: 'users', id: '890123' }],
  ['/resources/12', { page: 'connections', subject: 'resources', id: '12' }],
  ['/users/jane', { page: 'unknown' }],
  ['/users/1/2', { page: 'unknown' }],
  ['/settings', { page: 'unknown' }],
])('%s', (path, route) => expect(routeOf(path)).toEqual(route));

it('a path that was made leads to what it was made for', () => {
  expect(routeOf(pathOf('resources', '7'))).toEqual({ page: 'connections', subject: 'resources', id: '7' });
});

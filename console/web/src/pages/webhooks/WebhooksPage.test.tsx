import { fireEvent, screen, waitFor, within } from '@testing-library/react';
import { expect, it } from 'vitest';
import type { Webhook } from '../../api/types';
import { aDelivery, aWebhook } from '../../testing/builders';
import { show } from '../../testing/render';
import { type Answer, serve } from '../../testing/server';
import { WebhooksPage } from './WebhooksPage';

const SECRET = 'whsec_c2VjcmV0';

function page(webhooks: Webhook[], answers: Record<string, Answer> = {}) {
  const asked = serve({
    'GET /session': { status: 401, body: {} },
    'GET /webhooks': { body: { webhooks } },
    ...answers,
  });
  show(<WebhooksPage />);
  return asked;
}

const click = async (name: RegExp | string) => fireEvent.click(await screen.findByRole('button', { name }));
const fill = async (label: string, value: string) =>
  fireEvent.change(await screen.findByLabelText(label), { target: { value } });

it('a webhook says where to, what of, and how it stands', async () => {
  page([
    aWebhook(),
    aWebhook({ id: 'w-2', name: 'Gone', state: 'away', failing_since: '2026-11-20T12:00:00Z' }),
    aWebhook({ id: 'w-3', name: 'New secret', former_secret_until: '2026-11-25T12:00:00Z' }),
  ]);
  const build = within(await screen.findByRole('article', { name: 'Webhook Build' }));
  expect(build.getByText('https://build.acme.example/hook')).toBeDefined();
  expect(build.getByText('report.completed, report.failed')).toBeDefined();
  expect(build.getByText('Active')).toBeDefined();
  const gone = within(screen.getByRole('article', { name: 'Webhook Gone' }));
  expect(gone.getByText('It is told nothing more until it is resumed.')).toBeDefined();
  expect(gone.getByRole('button', { name: 'Resume: webhook Gone' })).toBeDefined();
  expect(screen.getByText('2026-11-25 12:00')).toBeDefined();
});

it('the secret of a new one is shown once', async () => {
  const asked = page([], { 'POST /webhooks': { status: 201, body: { ...aWebhook(), secret: SECRET } } });
  await click('New Webhook');
  await fill('Name', 'Build');
  await fill('Address', 'https://build.acme.example/hook');
  fireEvent.click(screen.getByRole('checkbox', { name: "A report's file has expired" }));
  await click('Save webhook');
  expect(await screen.findByLabelText('Secret')).toHaveProperty('value', SECRET);
  await click('Copy');
  expect(await screen.findByText(/does not let this page copy/)).toBeDefined();
  await click('I have kept it');
  await waitFor(() => expect(screen.queryByLabelText('Secret')).toBeNull());
  expect(screen.getByRole('article', { name: 'Webhook Build' })).toBeDefined();
  expect(document.body.innerHTML).not.toContain(SECRET);
  // Without a contact it is who asks.
  expect(asked.find(({ method }) => method === 'POST')?.body).toEqual({
    name: 'Build',
    url: 'https://build.acme.example/hook',
    events: ['report.completed', 'report.failed', 'report.cancelled'],
  });
});

it('what is missing is said at its field, and the server has the last word', async () => {
  const error = { code: 'bad_field', message: 'url leads to a private address', field: 'url' };
  const asked = page([], { 'POST /webhooks': { status: 400, body: { error } } });
  await click('New Webhook');
  for (const box of await screen.findAllByRole('checkbox')) fireEvent.click(box);
  await click('Save webhook');
  for (const text of ['Enter a name.', /^Enter an address/, 'Choose one at least.']) {
    expect(screen.getByText(text)).toBeDefined();
  }
  expect(asked.some(({ method }) => method === 'POST')).toBe(false);
  await fill('Name', 'Build');
  await fill('Address', 'https://10.0.0.1/');
  fireEvent.click(screen.getByRole('checkbox', { name: 'A report has failed' }));
  await click('Save webhook');
  expect(await screen.findByText('url leads to a private address')).toBeDefined();
  expect(screen.getByLabelText('Address').getAttribute('aria-invalid')).toBe('true');
});

it('where the operator has none, that is said', async () => {
  const message = 'there are no webhooks here: the operator has not set webhooks.key';
  page([], { 'POST /webhooks': { status: 409, body: { error: { code: 'not_now', message } } } });
  await click('New Webhook');
  await fill('Name', 'Build');
  await fill('Address', 'https://build.acme.example/hook');
  await click('Save webhook');
  expect((await screen.findByRole('alert')).textContent).toContain(message);
});

it('another secret is made once that was confirmed', async () => {
  const rotated = { ...aWebhook({ former_secret_until: '2026-11-25T12:00:00Z' }), secret: SECRET };
  const asked = page([aWebhook()], { 'POST /webhooks/w-1/rotate': { body: rotated } });
  await click('Rotate secret: webhook Build');
  expect(asked.some(({ method }) => method === 'POST')).toBe(false);
  await click('Rotate secret');
  expect(await screen.findByLabelText('Secret')).toHaveProperty('value', SECRET);
});

it('a webhook is paused, changed and deleted', async () => {
  const asked = page([aWebhook()], {
    'POST /webhooks/w-1/pause': { body: aWebhook({ state: 'paused' }) },
    'PUT /webhooks/w-1': { body: aWebhook({ state: 'paused', name: 'Builds' }) },
    'DELETE /webhooks/w-1': { status: 204 },
  });
  await click('Pause: webhook Build');
  expect(await screen.findByText('Paused')).toBeDefined();
  await click('Change: webhook Build');
  expect(await screen.findByLabelText('Contact')).toHaveProperty('value', 'ops@acme.example');
  await fill('Name', 'Builds');
  await click('Save webhook');
  expect(await screen.findByRole('article', { name: 'Webhook Builds' })).toBeDefined();
  expect(asked.find(({ method }) => method === 'PUT')?.body).toMatchObject({ name: 'Builds', contact: 'ops@acme.example' });
  await click('Delete: webhook Builds');
  await click('Delete');
  expect(await screen.findByText('No webhooks yet')).toBeDefined();
});

it('what it was told is shown, and told again', async () => {
  const failed = aDelivery({
    id: 'msg-2',
    event: 'report.failed',
    state: 'given_up',
    tries: 10,
    status: 503,
    problem: 'the answer was no success',
    took_ms: null,
  });
  const again = { ...failed, state: 'waiting', tries: 0, status: null, problem: null, next_try_at: '2026-11-24T13:00:00Z', redeliveries: 1 };
  page([aWebhook()], {
    'GET /webhooks/w-1/deliveries': { body: { deliveries: [failed, aDelivery()] } },
    'POST /webhooks/w-1/deliveries/msg-2/redeliver': { body: again },
  });
  await click('Deliveries: webhook Build');
  const drawer = within(await screen.findByRole('dialog', { name: 'Deliveries' }));
  expect(await drawer.findByText('10 tries, answered 503, the answer was no success')).toBeDefined();
  expect(drawer.getByText('1 try, 120 ms, answered 200')).toBeDefined();
  await click('Tell again: report.failed of 2026-11-24 12:00:00');
  expect(await drawer.findByText('Waiting')).toBeDefined();
  expect(drawer.getByText('Told again 1 time')).toBeDefined();
});

it('what it was told is shown page by page', async () => {
  const path = 'GET /webhooks/w-1/deliveries';
  const again = aDelivery({ id: 'msg-3', event: 'report.completed', redeliveries: 1 });
  const asked = page([aWebhook()], {
    [path]: { body: { deliveries: [aDelivery({ id: 'msg-3' })], next: 'msg-3' } },
    [`${path}?before=msg-3`]: { body: { deliveries: [aDelivery({ id: 'msg-2', event: 'report.failed' })], next: 'msg-2' } },
    [`${path}?before=msg-2`]: { body: { deliveries: [aDelivery({ id: 'msg-1', event: 'report.expired' })] } },
    'POST /webhooks/w-1/deliveries/msg-3/redeliver': { body: again },
  });
  await click('Deliveries: webhook Build');
  const drawer = within(await screen.findByRole('dialog', { name: 'Deliveries' }));
  await drawer.findByText('report.completed');
  expect(drawer.getByRole('button', { name: 'Newer' })).toHaveProperty('disabled', true);
  await click(/^Tell again/);
  expect(await drawer.findByText('Told again 1 time')).toBeDefined();
  await click('Older');
  expect(await drawer.findByText('report.failed')).toBeDefined();
  // Not even what was changed there.
  expect(drawer.queryByText('report.completed')).toBeNull();
  await click('Older');
  expect(await drawer.findByText('report.expired')).toBeDefined();
  expect(drawer.getByRole('button', { name: 'Older' })).toHaveProperty('disabled', true);
  await click('Newer');
  expect(await drawer.findByText('report.failed')).toBeDefined();
  await click('Newer');
  expect(await drawer.findByText('report.completed')).toBeDefined();
  expect(asked.filter(({ path }) => path.endsWith('/deliveries')).length).toBeGreaterThanOrEqual(5);
});

it('one that is paused refuses to be told again, in words', async () => {
  const message = 'the webhook is paused: resume it first';
  page([aWebhook({ state: 'paused' })], {
    'GET /webhooks/w-1/deliveries': { body: { deliveries: [aDelivery()] } },
    'POST /webhooks/w-1/deliveries/msg-1/redeliver': { status: 409, body: { error: { code: 'not_now', message } } },
  });
  await click('Deliveries: webhook Build');
  await click(/^Tell again/);
  expect((await screen.findByRole('alert')).textContent).toBe(message);
});

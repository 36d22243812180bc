import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { type Answer, type Asked, serve } from '../testing/server';
import { App } from './App';
import { TABS } from './session';

const as = (tenant: string): Answer => ({ body: { tenant, account: 'admin' } });
const NOBODY: Answer = { status: 401, body: {} };

/** Another tab of this browser. */
const others: BroadcastChannel[] = [];
function otherTab(): BroadcastChannel {
  const channel = new BroadcastChannel(TABS);
  others.push(channel);
  return channel;
}

afterEach(() => {
  for (const channel of others.splice(0)) channel.close();
});

/** Whoever signs in there, the cookie of all tabs is theirs. */
function becomes(answers: Record<string, Answer>, tenant: string) {
  answers['GET /session'] = as(tenant);
  answers['GET /users'] = { body: { users: [{ id: '7', name: `jane@${tenant}.example` }] } };
}

/** The page of Users, as acme's admin has it open; whom the cookie lets in may be changed. */
async function open(): Promise<{ answers: Record<string, Answer>; asked: Asked[] }> {
  const answers: Record<string, Answer> = {};
  becomes(answers, 'acme');
  const asked = serve(answers);
  window.history.replaceState(null, '', '/users');
  render(<App />);
  await screen.findByText('acme');
  return { answers, asked };
}

const isSeen = (text: string) => document.body.textContent?.includes(text) ?? false;
const asks = (asked: Asked[]) => asked.filter(({ path }) => path === '/session').length;

it('a page goes when another tab signs in as somebody else', async () => {
  const { answers } = await open();
  becomes(answers, 'globex');
  otherTab().postMessage({ tenant: 'globex', account: 'admin' });
  await screen.findByText('jane@globex.example');
  expect(screen.getByText('globex')).toBeDefined();
  expect(isSeen('acme')).toBe(false);
});

it('a page goes when another tab signs out', async () => {
  const { answers } = await open();
  answers['GET /session'] = NOBODY;
  otherTab().postMessage(null);
  await screen.findByRole('button', { name: 'Sign in' });
  expect(isSeen('acme')).toBe(false);
});

it('a page that is looked at again shows whoever is signed in now', async () => {
  const { answers } = await open();
  becomes(answers, 'globex');
  document.dispatchEvent(new Event('visibilitychange'));
  await screen.findByText('jane@globex.example');
  expect(screen.getByText('globex')).toBeDefined();
  expect(isSeen('acme')).toBe(false);
});

it('a page that is looked at again when nobody is signed in says so', async () => {
  const { answers } = await open();
  answers['GET /session'] = NOBODY;
  document.dispatchEvent(new Event('visibilitychange'));
  await screen.findByText('Your session has ended. Sign in again.');
});

it('a page stays, with what is typed, where it is still the same account', async () => {
  const { answers, asked } = await open();
  const field = await screen.findByRole('searchbox');
  fireEvent.change(field, { target: { value: 'jan' } });
  const before = asks(asked);
  otherTab().postMessage({ tenant: 'acme', account: 'admin' });
  document.dispatchEvent(new Event('visibilitychange'));
  await waitFor(() => expect(asks(asked)).toBe(before + 1));
  // A hidden page asks nothing.
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
  answers['GET /session'] = as('globex');
  document.dispatchEvent(new Event('visibilitychange'));
  await new Promise((done) => setTimeout(done, 50));
  expect(asks(asked)).toBe(before + 1);
  expect(field.isConnected).toBe(true);
  expect(field).toHaveProperty('value', 'jan');
});

it('signing in and out is told to other tabs', async () => {
  const { answers } = await open();
  const told: unknown[] = [];
  otherTab().onmessage = ({ data }: MessageEvent<unknown>) => told.push(data);
  answers['DELETE /session'] = { status: 204 };
  fireEvent.click(screen.getByRole('button', { name: 'Sign out' }));
  const submit = await screen.findByRole('button', { name: 'Sign in' });
  answers['POST /session'] = as('globex');
  for (const [label, value] of [['Tenant', 'globex'], ['Account', 'admin'], ['Password', 'secret']] as const) {
    fireEvent.change(screen.getByLabelText(label), { target: { value } });
  }
  fireEvent.click(submit);
  await screen.findByText('globex');
  await waitFor(() => expect(told).toEqual([null, { tenant: 'globex', account: 'admin' }]));
});

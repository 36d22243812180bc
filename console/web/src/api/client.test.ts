import { expect, it } from 'vitest';
import { serve } from '../testing/server';
import { currentSession, findSubjects, listReports, signIn, signOut } from './client';
import { Refused, ServerAway, SessionEnded } from './errors';

it('nobody signed in is no error', async () => {
  serve({ 'GET /session': { status: 401, body: {} } });
  expect(await currentSession()).toBeNull();
});

it('a 401 anywhere else means that the session has ended', async () => {
  serve({ 'GET /reports': { status: 401, body: {} } });
  await expect(listReports()).rejects.toBeInstanceOf(SessionEnded);
});

it('no answer, and a gateway that answers for a dead console, are a server that is away', async () => {
  serve({ 'GET /reports': 'away' });
  await expect(listReports()).rejects.toBeInstanceOf(ServerAway);
  serve({ 'GET /reports': { status: 502 } });
  await expect(listReports()).rejects.toBeInstanceOf(ServerAway);
});

it("a refusal carries the console's words and the field", async () => {
  const error = { code: 'bad_range', message: 'the range is empty', field: 'to' };
  serve({ 'GET /reports': { status: 400, body: { error } } });
  const refused = await listReports().catch((failure: unknown) => failure);
  expect(refused).toBeInstanceOf(Refused);
  expect(refused).toMatchObject({ status: 400, code: 'bad_range', message: 'the range is empty', field: 'to' });
});

it('a wrong password is a refusal, not the end of a session', async () => {
  serve({ 'POST /session': { status: 401, body: { error: { code: 'wrong', message: 'wrong' } } } });
  await expect(signIn({ tenant: 'acme', account: 'admin', password: 'x' })).rejects.toBeInstanceOf(Refused);
});

it('requests that change something carry the header that forged ones cannot', async () => {
  const asked = serve({ 'DELETE /session': { status: 204 }, 'GET /users': { body: { users: [] } } });
  await signOut();
  await findSubjects('users', 'a&b');
  expect(asked.map(({ headers }) => headers.get('X-Flowledger'))).toEqual(['1', null]);
});

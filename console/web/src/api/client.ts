/// One function for each endpoint. Every failure is a SessionEnded, a ServerAway or a Refused; an aborted
/// request rejects with the browser's own AbortError.
import { Refused, ServerAway, SessionEnded } from './errors';
import type {
  AskedBackfill,
  BucketSync,
  BucketSyncs,
  ChangedSync,
  Connection,
  Credentials,
  Delivery,
  DeliveryPage,
  Estimate,
  Manifest,
  Named,
  NewReport,
  NewSchedule,
  NewSync,
  NewWebhook,
  PastRange,
  Report,
  Schedule,
  SchedulePreview,
  Session,
  Times,
  Webhook,
  WebhookWithSecret,
} from './types';

const BASE = '/api/v1';

export type Subject = 'users' | 'resources';

interface ErrorBody {
  error?: { code?: string; message?: string; field?: string };
}

interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  body?: unknown;
  signal?: AbortSignal | undefined;
}

async function refusal(response: Response): Promise<Error> {
  const body = (await response.json().catch(() => null)) as ErrorBody | null;
  const { code, message, field } = body?.error ?? {};
  // A gateway that stands in for a dead console answers 5xx without the console's error body.
  if (message === undefined && response.status >= 500) return new ServerAway();
  return new Refused(
    response.status,
    code ?? 'unknown',
    message ?? `The server refused the request (${response.status}).`,
    field,
  );
}

async function send(path: string, { method = 'GET', body, signal }: Call): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  // Forged cross-site requests cannot carry this header.
  if (method !== 'GET') headers['X-Flowledger'] = '1';
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  try {
    return await fetch(BASE + path, {
      method,
      headers,
      credentials: 'same-origin',
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServerAway();
  }
}

async function call<T>(path: string, options: Call = {}): Promise<T> {
  const response = await send(path, options);
  if (response.status === 401 && path !== '/session') throw new SessionEnded();
  if (!response.ok) throw await refusal(response);
  if (response.status === 204) return undefined as T;
  return (await response.json().catch(() => Promise.reject(new ServerAway()))) as T;
}

/** The session of this browser, or null when nobody is signed in. */
export async function currentSession(signal?: AbortSignal): Promise<Session | null> {
  try {
    return await call<Session>('/session', { signal });
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return null;
    throw error;
  }
}

export function signIn(credentials: Credentials): Promise<Session> {
  return call('/session', { method: 'POST', body: credentials });
}

export function signOut(): Promise<void> {
  return call('/session', { method: 'DELETE' });
}

export function askForReport(report: NewReport): Promise<Report> {
  return call('/reports', { method: 'POST', body: report });
}

/** How large it would be; nothing is asked for. */
export function estimateReport(report: NewReport, signal?: AbortSignal): Promise<Estimate> {
  return call('/reports/estimate', { method: 'POST', body: report, signal });
}

/** Asks for a report's end; the answer is the report that ends in a moment. */
export function cancelReport(id: string): Promise<Report> {
  return call(`/reports/${encodeURIComponent(id)}/cancel`, { method: 'POST' });
}

/** Asks again for a report that has no file. */
export function retryReport(id: string): Promise<Report> {
  return call(`/reports/${encodeURIComponent(id)}/retry`, { method: 'POST' });
}

/** Newest first. */
export async function listReports(signal?: AbortSignal): Promise<Report[]> {
  return (await call<{ reports: Report[] }>('/reports?limit=50', { signal })).reports;
}

/** Of several files each has its own, by its number from 0. */
export function downloadAddress(id: string, file?: number): string {
  const address = `${BASE}/reports/${encodeURIComponent(id)}/download`;
  return file === undefined ? address : `${address}?file=${file}`;
}

/** What the files of a report are, and how complete. */
export function manifestOf(id: string, signal?: AbortSignal): Promise<Manifest> {
  return call(`/reports/${encodeURIComponent(id)}/manifest`, { signal });
}

export function manifestAddress(id: string): string {
  return `${BASE}/reports/${encodeURIComponent(id)}/manifest`;
}

/** Oldest first. */
export async function listSchedules(signal?: AbortSignal): Promise<Schedule[]> {
  return (await call<{ schedules: Schedule[] }>('/report-schedules', { signal })).schedules;
}

/** The reports that would be made; nothing is kept. */
export function previewSchedule(times: Times, signal?: AbortSignal): Promise<SchedulePreview> {
  return call('/report-schedules/preview', { method: 'POST', body: times, signal });
}

export function saveSchedule(schedule: NewSchedule): Promise<Schedule> {
  return call('/report-schedules', { method: 'POST', body: schedule });
}

/** Keeps something else in its place; who does that is its owner. */
export function changeSchedule(id: string, schedule: NewSchedule): Promise<Schedule> {
  return call(`/report-schedules/${encodeURIComponent(id)}`, { method: 'PUT', body: schedule });
}

export function pauseSchedule(id: string): Promise<Schedule> {
  return call(`/report-schedules/${encodeURIComponent(id)}/pause`, { method: 'POST' });
}

export function resumeSchedule(id: string): Promise<Schedule> {
  return call(`/report-schedules/${encodeURIComponent(id)}/resume`, { method: 'POST' });
}

/** Makes a report of it now. */
export function runSchedule(id: string): Promise<Report> {
  return call(`/report-schedules/${encodeURIComponent(id)}/run`, { method: 'POST' });
}

export function deleteSchedule(id: string): Promise<void> {
  return call(`/report-schedules/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/** Oldest first, and the buckets that there are. */
export function listSyncs(signal?: AbortSignal): Promise<BucketSyncs> {
  return call('/syncs', { signal });
}

export function makeSync(sync: NewSync): Promise<BucketSync> {
  return call('/syncs', { method: 'POST', body: sync });
}

export function changeSync(id: string, changed: ChangedSync): Promise<BucketSync> {
  return call(`/syncs/${encodeURIComponent(id)}`, { method: 'PUT', body: changed });
}

export function pauseSync(id: string): Promise<BucketSync> {
  return call(`/syncs/${encodeURIComponent(id)}/pause`, { method: 'POST' });
}

export function resumeSync(id: string): Promise<BucketSync> {
  return call(`/syncs/${encodeURIComponent(id)}/resume`, { method: 'POST' });
}

/** Brings a past range into the bucket too. */
export function backfillSync(id: string, range: PastRange): Promise<AskedBackfill> {
  return call(`/syncs/${encodeURIComponent(id)}/backfill`, { method: 'POST', body: range });
}

/** Writes no more of it; what is in the bucket stays. */
export function cancelBackfill(id: string, number: number): Promise<BucketSync> {
  return call(`/syncs/${encodeURIComponent(id)}/backfill/cancel`, { method: 'POST', body: { number } });
}

/** Its objects stay. */
export function deleteSync(id: string): Promise<void> {
  return call(`/syncs/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/** Oldest first. */
export async function listWebhooks(signal?: AbortSignal): Promise<Webhook[]> {
  return (await call<{ webhooks: Webhook[] }>('/webhooks', { signal })).webhooks;
}

export function makeWebhook(webhook: NewWebhook): Promise<WebhookWithSecret> {
  return call('/webhooks', { method: 'POST', body: webhook });
}

export function changeWebhook(id: string, webhook: NewWebhook): Promise<Webhook> {
  return call(`/webhooks/${encodeURIComponent(id)}`, { method: 'PUT', body: webhook });
}

export function pauseWebhook(id: string): Promise<Webhook> {
  return call(`/webhooks/${encodeURIComponent(id)}/pause`, { method: 'POST' });
}

export function resumeWebhook(id: string): Promise<Webhook> {
  return call(`/webhooks/${encodeURIComponent(id)}/resume`, { method: 'POST' });
}

/** Another secret; the one before signs too for a time. */
export function rotateWebhook(id: string): Promise<WebhookWithSecret> {
  return call(`/webhooks/${encodeURIComponent(id)}/rotate`, { method: 'POST' });
}

export function deleteWebhook(id: string): Promise<void> {
  return call(`/webhooks/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/** A page of them, newest first; `before`: the `next` of the page before. */
export function listDeliveries(id: string, before: string | undefined, signal?: AbortSignal): Promise<DeliveryPage> {
  const query = before === undefined ? '' : `?${new URLSearchParams({ before })}`;
  return call(`/webhooks/${encodeURIComponent(id)}/deliveries${query}`, { signal });
}

/** Tells it again, whatever became of it. */
export function redeliver(id: string, delivery: string): Promise<Delivery> {
  const path = `/webhooks/${encodeURIComponent(id)}/deliveries/${encodeURIComponent(delivery)}/redeliver`;
  return call(path, { method: 'POST' });
}

export const REPORT_CHANGES = `${BASE}/reports/changes`;

export async function listRemoteNetworks(signal?: AbortSignal): Promise<Named[]> {
  return (await call<{ remote_networks: Named[] }>('/remote-networks', { signal })).remote_networks;
}

/** Users by e-mail, or Resources by address. */
export async function findSubjects(
  subject: Subject,
  search: string,
  signal?: AbortSignal,
  limit = 20,
): Promise<Named[]> {
  const query = new URLSearchParams({ search, limit: String(limit) });
  const found = await call<Partial<Record<Subject, Named[]>>>(`/${subject}?${query}`, { signal });
  return found[subject] ?? [];
}

/** Newest first. */
export async function recentConnections(subject: Subject, id: string, signal?: AbortSignal): Promise<Connection[]> {
  const path = `/${subject}/${encodeURIComponent(id)}/connections?limit=50`;
  return (await call<{ connections: Connection[] }>(path, { signal })).connections;
}

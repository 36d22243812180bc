/// The form of a webhook without its looks: pure.
import type { NewWebhook, Webhook, WebhookEvent } from '../../api/types';
import type { Errors } from '../../hooks/useForm';

export const EVENTS: readonly { value: WebhookEvent; label: string }[] = [
  { value: 'report.completed', label: 'A report is completed' },
  { value: 'report.failed', label: 'A report has failed' },
  { value: 'report.cancelled', label: 'A report was cancelled' },
  { value: 'report.expired', label: "A report's file has expired" },
];

export interface WebhookForm {
  name: string;
  url: string;
  events: WebhookEvent[];
  /** Empty: who asks. */
  contact: string;
}

export const WEBHOOK_FIELDS = ['name', 'url', 'events', 'contact'] as const satisfies (keyof WebhookForm)[];

/** As it is; a new one is told of everything. */
export function initialWebhook(webhook: Webhook | null): WebhookForm {
  if (webhook === null) return { name: '', url: '', events: EVENTS.map(({ value }) => value), contact: '' };
  const { name, url, events, contact } = webhook;
  return { name, url, events, contact };
}

/** What is wrong with the form; empty when nothing is. The server has the last word. */
export function validateWebhook({ name, url, events }: WebhookForm): Errors<keyof WebhookForm> {
  const errors: Errors<keyof WebhookForm> = {};
  if (name.trim() === '') errors.name = 'Enter a name.';
  if (!URL.canParse(url.trim())) errors.url = 'Enter an address, such as https://build.corp.example/hook.';
  // To the server none means all.
  if (events.length === 0) errors.events = 'Choose one at least.';
  return errors;
}

export function webhookOf({ name, url, events, contact }: WebhookForm): NewWebhook {
  const sent = { name: name.trim(), url: url.trim(), events };
  return contact.trim() === '' ? sent : { ...sent, contact: contact.trim() };
}

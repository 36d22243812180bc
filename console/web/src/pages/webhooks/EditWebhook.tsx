/// A webhook that is to be made, or one that is to be another.
import { Checkbox, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { changeWebhook, makeWebhook } from '../../api/client';
import type { Webhook, WebhookEvent, WebhookWithSecret } from '../../api/types';
import { FormEnd } from '../../components/FormEnd';
import { useSubmit } from '../../hooks/useSubmit';
import { EVENTS, initialWebhook, validateWebhook, WEBHOOK_FIELDS, type WebhookForm, webhookOf } from './webhookForm';

interface EditWebhookProps {
  /** The one that is to be changed; null: a new one is made. */
  webhook: Webhook | null;
  /** Only a new one has its secret. */
  onSaved: (webhook: Webhook | WebhookWithSecret) => void;
  onCancel: () => void;
}

export function EditWebhook({ webhook, onSaved, onCancel }: EditWebhookProps) {
  const [form, setForm] = useState(() => initialWebhook(webhook));
  const { errors, failure, busy, forget, submit } = useSubmit(WEBHOOK_FIELDS);
  const change = (part: Partial<WebhookForm>) => {
    setForm((current) => ({ ...current, ...part }));
    forget();
  };
  const save = async () => {
    const wanted = webhookOf(form);
    onSaved(await (webhook === null ? makeWebhook(wanted) : changeWebhook(webhook.id, wanted)));
  };

  return (
    <form
      onSubmit={(event) => void submit(event, validateWebhook(form), save)}
      noValidate
      aria-label={webhook === null ? 'New Webhook' : 'Change webhook'}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          {webhook === null ? 'Its secret is shown once it is made, and only then.' : 'Its secret stays as it is.'}
        </Text>
        <TextInput
          label="Name"
          value={form.name}
          error={errors.name}
          onChange={(event) => change({ name: event.currentTarget.value })}
          data-autofocus
        />
        <TextInput
          type="url"
          label="Address"
          description="With https://, port 443 or 8443, unless the operator allows others."
          value={form.url}
          error={errors.url}
          onChange={(event) => change({ url: event.currentTarget.value })}
        />
        <Checkbox.Group
          label="It is told when"
          value={form.events}
          error={errors.events}
          onChange={(events) => change({ events: events as WebhookEvent[] })}
        >
          <Stack gap="xs" my="xs">
            {EVENTS.map(({ value, label }) => (
              <Checkbox key={value} value={value} label={label} />
            ))}
          </Stack>
        </Checkbox.Group>
        <TextInput
          type="email"
          label="Contact"
          description="Who gets a mail when nothing arrives there for days."
          placeholder="You"
          value={form.contact}
          error={errors.contact}
          onChange={(event) => change({ contact: event.currentTarget.value })}
        />
        <FormEnd failure={failure} busy={busy} send="Save webhook" onCancel={onCancel} />
      </Stack>
    </form>
  );
}

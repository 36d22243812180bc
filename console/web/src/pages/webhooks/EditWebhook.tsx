/// A webhook that is to be made, or one that is to be another.
import { Checkbox, Stack, TextInput } from '@mantine/core';
import { changeWebhook, makeWebhook } from '../../api/client';
import type { Webhook, WebhookEvent, WebhookWithSecret } from '../../api/types';
import { Form } from '../../components/Form';
import { NameField } from '../../components/NameField';
import { useForm } from '../../hooks/useForm';
import { EVENTS, initialWebhook, validateWebhook, WEBHOOK_FIELDS, webhookOf } from './webhookForm';

interface EditWebhookProps {
  /** The one that is to be changed; null: a new one is made. */
  webhook: Webhook | null;
  /** Only a new one has its secret. */
  onSaved: (webhook: Webhook | WebhookWithSecret) => void;
  onCancel: () => void;
}

export function EditWebhook({ webhook, onSaved, onCancel }: EditWebhookProps) {
  const { form, change, errors, sending } = useForm(() => initialWebhook(webhook), WEBHOOK_FIELDS);
  const save = async () => {
    const wanted = webhookOf(form);
    onSaved(await (webhook === null ? makeWebhook(wanted) : changeWebhook(webhook.id, wanted)));
  };

  return (
    <Form
      label={webhook === null ? 'New Webhook' : 'Change webhook'}
      about={webhook === null ? 'Its secret is shown once it is made, and only then.' : 'Its secret stays as it is.'}
      sending={sending}
      check={() => validateWebhook(form)}
      act={save}
      send="Save webhook"
      onCancel={onCancel}
    >
      <NameField value={form.name} error={errors.name} onChange={(name) => change({ name })} />
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
    </Form>
  );
}

/// One webhook: where to, what of, and how it stands.
import { Badge, Stack, Text } from '@mantine/core';
import { deleteWebhook, pauseWebhook, resumeWebhook, rotateWebhook } from '../../api/client';
import type { Webhook, WebhookWithSecret } from '../../api/types';
import { Forgotten } from '../../components/Forgotten';
import { Name } from '../../components/Name';
import { pauseOrResume, type Wish, WishButtons } from '../../components/WishButtons';
import { formatTime } from '../../format/times';

const STATES: Record<Webhook['state'], { label: string; color: string; about?: string }> = {
  active: { label: 'Active', color: 'green.6' },
  failing: { label: 'Failing', color: 'red.6' },
  away: { label: 'Away', color: 'red.6', about: 'It is told nothing more until it is resumed.' },
  paused: { label: 'Paused', color: 'yellow.6' },
};

interface WebhookItemProps {
  webhook: Webhook;
  zone: string;
  /** As it is now; null: it was deleted. */
  onChanged: (webhook: Webhook | null) => void;
  onRotated: (webhook: WebhookWithSecret) => void;
  /** It is to be another. */
  onChange: () => void;
  /** What it was told is to be seen. */
  onLook: () => void;
}

export function WebhookItem({ webhook, zone, onChanged, onRotated, onChange, onLook }: WebhookItemProps) {
  const { id, name, state, failing_since: since, former_secret_until: until } = webhook;
  const { label, color, about } = STATES[state];
  const isSilent = state === 'paused' || state === 'away';
  const wishes: Wish[] = [
    pauseOrResume(isSilent, [() => pauseWebhook(id), () => resumeWebhook(id)], onChanged),
    { label: 'Deliveries', act: onLook },
    { label: 'Change', act: onChange },
    {
      label: 'Rotate secret',
      act: async () => onRotated(await rotateWebhook(id)),
      ask: {
        title: 'Make another secret?',
        text: 'For a time the secret of now signs too; a receiver that has not taken the new one by then refuses what comes.',
      },
    },
    {
      label: 'Delete',
      act: () => deleteWebhook(id).then(() => onChanged(null)),
      ask: {
        title: 'Delete this webhook?',
        text: <Forgotten name={name}>So are its secret and what it was told.</Forgotten>,
      },
    },
  ];
  return (
    <article className="report-row kept-row" aria-label={`Webhook ${name}`}>
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Text fw={600} component="div">
          <Name value={name} />
        </Text>
        <Text size="sm" component="div">
          <Name value={webhook.url} />
        </Text>
        <Text size="sm" c="dimmed" component="div" style={{ overflowWrap: 'anywhere' }}>
          {webhook.events.join(', ')}
        </Text>
      </Stack>
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Badge color={color} variant="dot" tt="none" size="lg">
          {label}
        </Badge>
        {since && (
          <Text size="sm">
            Since <time dateTime={since}>{formatTime(since, zone, 'minute')}</time>
          </Text>
        )}
        {about && <Text size="sm">{about}</Text>}
        {until && (
          <Text size="sm">
            The secret before signs too until <time dateTime={until}>{formatTime(until, zone, 'minute')}</time>
          </Text>
        )}
        <Text size="sm" c="dimmed" component="div">
          Mails to <Name value={webhook.contact} inline />
        </Text>
      </Stack>
      <WishButtons wishes={wishes} of={`webhook ${name}`} />
    </article>
  );
}

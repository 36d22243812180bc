/// One webhook: where to, what of, and how it stands.
import { Text } from '@mantine/core';
import { deleteWebhook, pauseWebhook, resumeWebhook, rotateWebhook } from '../../api/client';
import type { Webhook, WebhookWithSecret } from '../../api/types';
import { KeptItem } from '../../components/KeptItem';
import { Name } from '../../components/Name';
import type { Wish } from '../../components/WishButtons';
import { deletion, pauseOrResume } from '../../components/wishes';
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

const KIND = 'webhook';

export function WebhookItem({ webhook, zone, onChanged, onRotated, onChange, onLook }: WebhookItemProps) {
  const { id, name, state, failing_since: since, former_secret_until: until } = webhook;
  const { about } = STATES[state];
  const isSilent = state === 'paused' || state === 'away';
  const rotate: Wish = {
    label: 'Rotate secret',
    act: async () => onRotated(await rotateWebhook(id)),
    ask: {
      title: 'Make another secret?',
      text: 'For a time the secret of now signs too; a receiver that has not taken the new one by then refuses what comes.',
    },
  };
  return (
    <KeptItem
      kind={KIND}
      name={name}
      about={
        <>
          <Text size="sm" component="div">
            <Name value={webhook.url} />
          </Text>
          <Text size="sm" c="dimmed" component="div" style={{ overflowWrap: 'anywhere' }}>
            {webhook.events.join(', ')}
          </Text>
        </>
      }
      state={STATES[state]}
      standing={
        <>
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
        </>
      }
      wishes={[
        pauseOrResume(isSilent, [() => pauseWebhook(id), () => resumeWebhook(id)], onChanged),
        { label: 'Deliveries', act: onLook },
        { label: 'Change', act: onChange },
        rotate,
        deletion({ kind: KIND, name }, 'So are its secret and what it was told.', () => deleteWebhook(id), () => onChanged(null)),
      ]}
    />
  );
}

/// The secret of a webhook, which the server shows once.
import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { useState } from 'react';
import type { WebhookWithSecret } from '../../api/types';
import { Name } from '../../components/Name';
import { formatTime, viewersZone } from '../../format/times';

interface SecretModalProps {
  /** null: closed. */
  webhook: WebhookWithSecret | null;
  onClose: () => void;
}

export function SecretModal({ webhook, onClose }: SecretModalProps) {
  return (
    <Modal
      opened={webhook !== null}
      onClose={onClose}
      title="Secret of the webhook"
      size="lg"
      // A slip must not lose it.
      closeOnClickOutside={false}
      closeOnEscape={false}
      withCloseButton={false}
      // What opened it was in a dialog that is gone.
      returnFocus={false}
    >
      {webhook && <Secret webhook={webhook} onClose={onClose} />}
    </Modal>
  );
}

function Secret({ webhook, onClose }: { webhook: WebhookWithSecret; onClose: () => void }) {
  const [refused, setRefused] = useState(false);
  const { copied, copy, error } = useClipboard({ timeout: 3_000 });
  const until = webhook.former_secret_until;
  const press = () => {
    // Browsers have no clipboard for pages without TLS.
    if ('clipboard' in navigator) copy(webhook.secret);
    else setRefused(true);
  };
  return (
    <Stack>
      <Text size="sm" component="div">
        <Name value={webhook.name} inline /> checks by it that a message is ours. It is not shown again: keep it now.
      </Text>
      <TextInput
        label="Secret"
        value={webhook.secret}
        readOnly
        data-autofocus
        onFocus={(event) => event.currentTarget.select()}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
      />
      {until && (
        <Text size="sm">
          The secret before signs too until <time dateTime={until}>{formatTime(until, viewersZone(), 'minute')}</time>.
        </Text>
      )}
      <Text size="sm" role="status" mih="1.5em">
        {copied && 'Copied.'}
        {(refused || error) && 'The browser does not let this page copy: select it and copy it yourself.'}
      </Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={press}>
          Copy
        </Button>
        <Button onClick={onClose}>I have kept it</Button>
      </Group>
    </Stack>
  );
}

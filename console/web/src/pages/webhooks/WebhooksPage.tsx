/// Settings > Webhooks: programs that are told what becomes of reports.
import { Button, Stack } from '@mantine/core';
import { useRef, useState } from 'react';
import { listWebhooks } from '../../api/client';
import type { Webhook, WebhookWithSecret } from '../../api/types';
import { Empty } from '../../components/Empty';
import { FormModal } from '../../components/FormModal';
import { KeptList } from '../../components/KeptList';
import { PageTitle } from '../../components/PageTitle';
import { viewersZone } from '../../format/times';
import { useKept } from '../../hooks/useKept';
import { useOpened } from '../../hooks/useOpened';
import { Deliveries } from './Deliveries';
import { EditWebhook } from './EditWebhook';
import { SecretModal } from './SecretModal';
import { WebhookItem } from './WebhookItem';

const REFRESH_MS = 10_000;

const all = (webhooks: Webhook[]) => webhooks;

export function WebhooksPage() {
  const list = useRef<HTMLDivElement>(null);
  const kept = useKept(listWebhooks, all, REFRESH_MS);
  // The one whose form is open; null: a new one.
  const form = useOpened<Webhook | null>(null);
  const [looked, setLooked] = useState<Webhook | null>(null);
  const [secret, setSecret] = useState<WebhookWithSecret | null>(null);
  const zone = viewersZone();

  const change = (id: string, now: Webhook | null) => {
    kept.change(id, now);
    if (now === null) list.current?.focus();
  };
  const withSecret = (webhook: WebhookWithSecret) => {
    const { secret: _shownOnce, ...now } = webhook;
    change(webhook.id, now);
    setSecret(webhook);
  };
  const forgetSecret = () => {
    setSecret(null);
    list.current?.focus();
  };
  const saved = (webhook: Webhook | WebhookWithSecret) => {
    if ('secret' in webhook) withSecret(webhook);
    else change(webhook.id, webhook);
    form.close();
  };

  return (
    <>
      <PageTitle
        title="Webhooks"
        tab="Webhooks"
        about="Programs of yours that are told what becomes of reports, by signed messages over HTTPS."
        action={<Button onClick={() => form.open(null)}>New Webhook</Button>}
      />
      <Stack ref={list} tabIndex={-1} role="group" aria-label="All webhooks" style={{ outline: 'none' }}>
        <KeptList
          kept={kept}
          what="webhooks"
          label="Webhooks"
          empty={<Empty title="No webhooks yet">Make the first one with New Webhook.</Empty>}
        >
          {(webhook) => (
            <WebhookItem
              webhook={webhook}
              zone={zone}
              onChanged={(now) => change(webhook.id, now)}
              onRotated={withSecret}
              onChange={() => form.open(webhook)}
              onLook={() => setLooked(webhook)}
            />
          )}
        </KeptList>
      </Stack>
      <FormModal
        opened={form.isOpen}
        onClose={form.close}
        title={form.what === null ? 'New Webhook' : 'Change webhook'}
        returnFocus={secret === null}
      >
        <EditWebhook webhook={form.what} onSaved={saved} onCancel={form.close} />
      </FormModal>
      <SecretModal webhook={secret} onClose={forgetSecret} />
      <Deliveries webhook={looked} zone={zone} onClose={() => setLooked(null)} />
    </>
  );
}

/// What a webhook was told, what became of that, and a button to tell it again.
import { Badge, Button, Drawer, Group, Stack, Text } from '@mantine/core';
import { useCallback, useState } from 'react';
import { listDeliveries, redeliver } from '../../api/client';
import type { Delivery, DeliveryPage, Webhook } from '../../api/types';
import { KeptList } from '../../components/KeptList';
import { Name } from '../../components/Name';
import { WishButtons } from '../../components/WishButtons';
import { formatCountOf } from '../../format/bytes';
import { formatTime } from '../../format/times';
import { DELIVERY_STATES, describeTries } from '../../format/webhooks';
import { useKept } from '../../hooks/useKept';

const REFRESH_MS = 5_000;

const deliveriesOf = ({ deliveries }: DeliveryPage) => deliveries;

interface DeliveriesProps {
  /** null: closed. */
  webhook: Webhook | null;
  zone: string;
  onClose: () => void;
}

export function Deliveries({ webhook, zone, onClose }: DeliveriesProps) {
  return (
    <Drawer
      opened={webhook !== null}
      onClose={onClose}
      title="Deliveries"
      position="right"
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {webhook && <Log webhook={webhook} zone={zone} />}
    </Drawer>
  );
}

function Log({ webhook, zone }: { webhook: Webhook; zone: string }) {
  const { id, name } = webhook;
  // What the pages up to this one end with.
  const [ends, setEnds] = useState<string[]>([]);
  const before = ends.at(-1);
  const load = useCallback(
    async (signal: AbortSignal) => ({ ...(await listDeliveries(id, before, signal)), before }),
    [id, before],
  );
  const kept = useKept(load, deliveriesOf, REFRESH_MS);
  // While another page is on its way, the end of this one says nothing.
  const next = kept.value?.before === before ? kept.value?.next : undefined;
  // One that was told again on another page is not of this one.
  const items = kept.items.filter((item) => kept.value?.deliveries.some((it) => it.id === item.id));
  const older = () => setEnds((current) => (next === undefined || current.at(-1) === next ? current : [...current, next]));
  const newer = () => setEnds((current) => current.slice(0, -1));
  return (
    <Stack>
      <Text size="sm" c="dimmed" component="div">
        What <Name value={name} inline /> was told in the last 30 days.
      </Text>
      <KeptList kept={{ ...kept, items }} what="deliveries" label="Deliveries" empty={<Text size="sm">It was told nothing yet.</Text>}>
        {(delivery) => (
          <Item
            delivery={delivery}
            zone={zone}
            onAgain={async () => kept.change(delivery.id, await redeliver(id, delivery.id))}
          />
        )}
      </KeptList>
      {(ends.length > 0 || next !== undefined) && (
        <Group justify="space-between">
          <Button variant="default" onClick={newer} disabled={ends.length === 0}>
            Newer
          </Button>
          <Button variant="default" onClick={older} disabled={next === undefined}>
            Older
          </Button>
        </Group>
      )}
    </Stack>
  );
}

interface ItemProps {
  delivery: Delivery;
  zone: string;
  onAgain: () => Promise<void>;
}

function Item({ delivery, zone, onAgain }: ItemProps) {
  const { event, happened_at: happened, next_try_at: next, redeliveries } = delivery;
  const { label, color } = DELIVERY_STATES[delivery.state];
  const tries = describeTries(delivery);
  const time = formatTime(happened, zone);
  return (
    <article aria-label={`${event} of ${time}`}>
      <Group justify="space-between" align="flex-start" gap="xs">
        <Stack gap={2} style={{ minWidth: 0 }}>
          <Text size="sm" fw={600}>
            {event}
          </Text>
          <Text size="sm" className="number">
            <time dateTime={happened}>{time}</time>
          </Text>
        </Stack>
        <Badge color={color} variant="dot" tt="none">
          {label}
        </Badge>
      </Group>
      <Text size="xs" c="dimmed" component="div" style={{ overflowWrap: 'anywhere' }}>
        Report {delivery.report_id}
      </Text>
      {tries && (
        <Text size="sm" component="div">
          <Name value={tries} inline />
        </Text>
      )}
      <Group justify="space-between" align="flex-end" gap="xs">
        <Text size="sm" c="dimmed" component="div">
          {next && (
            <div>
              Next try <time dateTime={next}>{formatTime(next, zone)}</time>
            </div>
          )}
          {redeliveries > 0 && <div>Told again {formatCountOf(redeliveries, 'time')}</div>}
        </Text>
        <WishButtons wishes={[{ label: 'Tell again', act: onAgain }]} of={`${event} of ${time}`} />
      </Group>
    </article>
  );
}

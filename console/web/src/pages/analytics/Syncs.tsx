/// The section of bucket syncs: how they stand, and forms for one more, for changes, and for the past.
import { Button, Text } from '@mantine/core';
import { useRef, useState } from 'react';
import { listSyncs } from '../../api/client';
import type { AskedBackfill, BucketSync, BucketSyncs, Named } from '../../api/types';
import { FormModal } from '../../components/FormModal';
import { KeptList } from '../../components/KeptList';
import { Section } from '../../components/Section';
import { viewersZone } from '../../format/times';
import { useKept } from '../../hooks/useKept';
import type { Loaded } from '../../hooks/useLoad';
import { useOpened } from '../../hooks/useOpened';
import { BackfillForm } from './BackfillForm';
import { BucketSyncForm } from './BucketSyncForm';
import { namesOf } from './RemoteNetworksField';
import { SyncItem } from './SyncItem';

const REFRESH_MS = 10_000;

const syncsOf = ({ syncs }: BucketSyncs) => syncs;

type Form = { is: 'new' } | { is: 'change' | 'backfill'; sync: BucketSync };

const TITLES: Record<Form['is'], string> = {
  new: 'New Bucket Sync',
  change: 'Change bucket sync',
  backfill: 'Backfill',
};

interface SyncsProps {
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
}

export function Syncs({ networks, onRetryNetworks }: SyncsProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const kept = useKept(listSyncs, syncsOf, REFRESH_MS);
  const { isOpen, what: form, open, close } = useOpened<Form>({ is: 'new' });
  const [asked, setAsked] = useState<AskedBackfill | null>(null);
  const names = namesOf(networks);
  const destinations = kept.value?.destinations ?? [];
  const change = (id: string, now: BucketSync | null) => {
    kept.change(id, now);
    if (now === null) heading.current?.focus();
  };
  const saved = (sync: BucketSync) => {
    change(sync.id, sync);
    close();
  };
  const backfilled = (sync: AskedBackfill) => {
    setAsked(sync);
    saved(sync);
  };

  return (
    <Section
      id="syncs"
      title="Bucket syncs"
      heading={heading}
      action={
        destinations.length > 0 && (
          <Button variant="default" onClick={() => open({ is: 'new' })}>
            New Bucket Sync
          </Button>
        )
      }
    >
      <KeptList
        kept={kept}
        what="bucket syncs"
        label="Bucket syncs"
        empty={
          <Text size="sm" c="dimmed">
            {destinations.length > 0
              ? 'A bucket sync writes connection events into a bucket, as they come.'
              : 'There are no buckets here: the operator has named none.'}
          </Text>
        }
      >
        {(sync) => (
          <SyncItem
            sync={sync}
            names={names}
            zone={viewersZone()}
            taken={asked?.id === sync.id ? asked.range : null}
            onChanged={(now) => change(sync.id, now)}
            onChange={() => open({ is: 'change', sync })}
            onBackfill={() => open({ is: 'backfill', sync })}
          />
        )}
      </KeptList>
      <FormModal opened={isOpen} onClose={close} title={TITLES[form.is]}>
        {form.is === 'backfill' ? (
          <BackfillForm sync={form.sync} onAsked={backfilled} onCancel={close} />
        ) : (
          <BucketSyncForm
            sync={form.is === 'change' ? form.sync : null}
            destinations={destinations}
            networks={networks}
            onRetryNetworks={onRetryNetworks}
            onSaved={saved}
            onCancel={close}
          />
        )}
      </FormModal>
    </Section>
  );
}

/// Brings a past range into the bucket of a sync.
import { SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { backfillSync } from '../../api/client';
import type { BucketSync, PastRange } from '../../api/types';
import { FormEnd } from '../../components/FormEnd';
import { ZoneField } from '../../components/ZoneField';
import { viewersZone } from '../../format/times';
import { useSubmit } from '../../hooks/useSubmit';
import { initialPast, PAST_FIELDS, validatePast } from './syncForm';

interface BackfillFormProps {
  sync: BucketSync;
  onAsked: (sync: BucketSync) => void;
  onCancel: () => void;
}

export function BackfillForm({ sync, onAsked, onCancel }: BackfillFormProps) {
  const [range, setRange] = useState(() => initialPast(sync, viewersZone()));
  const { errors, failure, busy, forget, submit } = useSubmit(PAST_FIELDS);
  const change = (part: Partial<PastRange>) => {
    setRange((current) => ({ ...current, ...part }));
    forget();
  };
  const ask = async () => onAsked(await backfillSync(sync.id, range));

  return (
    <form onSubmit={(event) => void submit(event, validatePast(range), ask)} noValidate aria-label="Backfill">
      <Stack>
        <Text size="sm" c="dimmed">
          What came before the sync was made, in whole hours, an object each. Together with what comes by itself each event
          is there once.
        </Text>
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          {(['from', 'to'] as const).map((end) => (
            <TextInput
              key={end}
              type="datetime-local"
              label={end === 'from' ? 'From' : 'To'}
              step={3_600}
              max="2100-01-01T00:00"
              value={range[end]}
              error={errors[end]}
              onChange={(event) => change({ [end]: event.currentTarget.value })}
              data-autofocus={end === 'from' || undefined}
            />
          ))}
        </SimpleGrid>
        <ZoneField
          description="Of the range."
          value={range.zone}
          error={errors.zone}
          onChange={(zone) => change({ zone })}
        />
        <FormEnd failure={failure} busy={busy} send="Backfill" onCancel={onCancel} />
      </Stack>
    </form>
  );
}

/// A bucket sync that is to be made, or what may be changed of one: its objects stay as they are.
import { NativeSelect, SimpleGrid, Stack, Switch, TagsInput, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { changeSync, makeSync } from '../../api/client';
import type { BucketSync, Compression, NewSync } from '../../api/types';
import { FormEnd } from '../../components/FormEnd';
import { useSubmit } from '../../hooks/useSubmit';
import {
  addresses,
  changedOf,
  COMPRESSIONS,
  fittingSync,
  initialSync,
  intervals,
  SYNC_FIELDS,
  syncOf,
  validateSync,
} from './syncForm';

interface BucketSyncFormProps {
  /** The one that is to be changed; null: a new one is made. */
  sync: BucketSync | null;
  destinations: readonly string[];
  onSaved: (sync: BucketSync) => void;
  onCancel: () => void;
}

export function BucketSyncForm({ sync, destinations, onSaved, onCancel }: BucketSyncFormProps) {
  const [form, setForm] = useState<NewSync>(() => sync ?? initialSync(destinations));
  const { errors, failure, busy, forget, submit } = useSubmit(SYNC_FIELDS);
  const change = (part: Partial<NewSync>) => {
    setForm((current) => fittingSync(current, part));
    forget();
  };
  const save = async () => {
    onSaved(await (sync === null ? makeSync(syncOf(form)) : changeSync(sync.id, changedOf(form))));
  };

  return (
    <form
      onSubmit={(event) => void submit(event, validateSync(form), save)}
      noValidate
      aria-label={sync === null ? 'New Bucket Sync' : 'Change bucket sync'}
    >
      <Stack>
        <Text size="sm" c="dimmed">
          {sync === null
            ? 'It writes what comes from now on. What came before is brought by a backfill.'
            : 'Bucket, format and contents stay as they are: another sync has other objects.'}
        </Text>
        <TextInput
          label="Name"
          value={form.name}
          error={errors.name}
          onChange={(event) => change({ name: event.currentTarget.value })}
          data-autofocus
        />
        {sync === null && <ObjectFields form={form} errors={errors} destinations={destinations} onChange={change} />}
        <NativeSelect
          label="Interval"
          description="An object each time, where something came."
          data={intervals(sync?.interval_seconds ?? form.interval_seconds)}
          value={String(form.interval_seconds)}
          error={errors.interval_seconds}
          onChange={(event) => change({ interval_seconds: Number(event.currentTarget.value) })}
        />
        <TagsInput
          label="Receivers"
          description="E-mail addresses that are told when it fails, and when it is well again."
          placeholder={form.receivers.length > 0 ? undefined : sync === null ? 'You' : 'Nobody'}
          value={form.receivers}
          error={errors.receivers}
          onChange={(entered) => change({ receivers: addresses(entered) })}
          splitChars={[',', ' ', ';']}
          clearable
          clearButtonProps={{ 'aria-label': 'No receivers' }}
        />
        <FormEnd failure={failure} busy={busy} send="Save bucket sync" onCancel={onCancel} />
      </Stack>
    </form>
  );
}

interface ObjectFieldsProps {
  form: NewSync;
  errors: Partial<Record<keyof NewSync, string>>;
  destinations: readonly string[];
  onChange: (part: Partial<NewSync>) => void;
}

/** Where its objects go, and what they are. */
function ObjectFields({ form, errors, destinations, onChange }: ObjectFieldsProps) {
  return (
    <>
      <NativeSelect
        label="Bucket"
        data={[...destinations]}
        value={form.destination}
        error={errors.destination}
        onChange={(event) => onChange({ destination: event.currentTarget.value })}
      />
      <SimpleGrid cols={{ base: 1, xs: form.format === 'ndjson' ? 2 : 1 }}>
        <NativeSelect
          label="Format"
          data={[
            { value: 'ndjson', label: 'NDJSON, one event a line' },
            { value: 'parquet', label: 'Parquet, one row an event' },
          ]}
          value={form.format}
          error={errors.format}
          onChange={(event) => onChange({ format: event.currentTarget.value as NewSync['format'] })}
        />
        {form.format === 'ndjson' && (
          <NativeSelect
            label="Compression"
            data={COMPRESSIONS}
            value={form.compression}
            error={errors.compression}
            onChange={(event) => onChange({ compression: event.currentTarget.value as Compression })}
          />
        )}
      </SimpleGrid>
      <Switch
        label="Include denied attempts"
        checked={form.denied}
        error={errors.denied}
        onChange={(event) => onChange({ denied: event.currentTarget.checked })}
      />
    </>
  );
}

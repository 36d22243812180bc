/// A bucket sync that is to be made, or what may be changed of one: its objects stay as they are.
import { NativeSelect, SimpleGrid, Switch } from '@mantine/core';
import { changeSync, makeSync } from '../../api/client';
import type { BucketSync, Compression, Named } from '../../api/types';
import { Form } from '../../components/Form';
import { NameField } from '../../components/NameField';
import { ReceiversField } from '../../components/ReceiversField';
import { useForm } from '../../hooks/useForm';
import type { Loaded } from '../../hooks/useLoad';
import { FilterFields } from './FilterFields';
import { RemoteNetworksField } from './RemoteNetworksField';
import {
  changedOf,
  COMPRESSIONS,
  fittingSync,
  initialSync,
  intervals,
  SYNC_FIELDS,
  type SyncErrors,
  type SyncForm,
  syncFormOf,
  syncOf,
  validateSync,
} from './syncForm';

interface BucketSyncFormProps {
  /** The one that is to be changed; null: a new one is made. */
  sync: BucketSync | null;
  destinations: readonly string[];
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
  onSaved: (sync: BucketSync) => void;
  onCancel: () => void;
}

export function BucketSyncForm({ sync, destinations, networks, onRetryNetworks, onSaved, onCancel }: BucketSyncFormProps) {
  const { form, change, errors, sending } = useForm(
    () => (sync === null ? initialSync(destinations) : syncFormOf(sync)),
    SYNC_FIELDS,
    fittingSync,
  );
  const save = async () => {
    onSaved(await (sync === null ? makeSync(syncOf(form)) : changeSync(sync.id, changedOf(form))));
  };

  return (
    <Form
      label={sync === null ? 'New Bucket Sync' : 'Change bucket sync'}
      about={
        sync === null
          ? 'It writes what comes from now on. What came before is brought by a backfill.'
          : 'Bucket, format and contents stay as they are: another sync has other objects.'
      }
      sending={sending}
      check={() => validateSync(form)}
      act={save}
      send="Save bucket sync"
      onCancel={onCancel}
    >
      <NameField value={form.name} error={errors.name} onChange={(name) => change({ name })} />
      {sync === null && (
        <ObjectFields
          form={form}
          errors={errors}
          destinations={destinations}
          networks={networks}
          onRetryNetworks={onRetryNetworks}
          onChange={change}
        />
      )}
      <NativeSelect
        label="Interval"
        description="An object each time, where something came."
        data={intervals(sync?.interval_seconds ?? form.interval_seconds)}
        value={String(form.interval_seconds)}
        error={errors.interval_seconds}
        onChange={(event) => change({ interval_seconds: Number(event.currentTarget.value) })}
      />
      <ReceiversField
        description="E-mail addresses that are told when it fails, and when it is well again."
        none={sync === null ? 'You' : 'Nobody'}
        value={form.receivers}
        error={errors.receivers}
        onChange={(receivers) => change({ receivers })}
      />
    </Form>
  );
}

interface ObjectFieldsProps {
  form: SyncForm;
  errors: SyncErrors;
  destinations: readonly string[];
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
  onChange: (part: Partial<SyncForm>) => void;
}

/** Where its objects go, and what they are. */
function ObjectFields({ form, errors, destinations, networks, onRetryNetworks, onChange }: ObjectFieldsProps) {
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
          onChange={(event) => onChange({ format: event.currentTarget.value as SyncForm['format'] })}
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
      <RemoteNetworksField
        networks={networks}
        chosen={form.remote_networks}
        error={errors.remote_networks}
        onChange={(remote_networks) => onChange({ remote_networks })}
        onRetry={onRetryNetworks}
      />
      <FilterFields filter={form.filter} errors={errors} onChange={(filter) => onChange({ filter })} />
      <Switch
        label="Include denied attempts"
        checked={form.denied}
        error={errors.denied}
        onChange={(event) => onChange({ denied: event.currentTarget.checked })}
      />
    </>
  );
}

/// Keeps a report that is made by itself: when, of which time, of which Remote Networks.
import { Alert, Button, Group, NativeSelect, NumberInput, Select, SimpleGrid, Stack, TextInput } from '@mantine/core';
import { type FormEvent, useMemo, useState } from 'react';
import { saveSchedule } from '../../api/client';
import { messageOf, Refused, SessionEnded } from '../../api/errors';
import type { Named, Schedule } from '../../api/types';
import { useSession } from '../../app/session';
import { allZones, viewersZone } from '../../format/times';
import type { Loaded } from '../../hooks/useLoad';
import { RemoteNetworksField } from './RemoteNetworksField';
import {
  initialSchedule,
  type Often,
  OFTEN,
  RANGES,
  type ScheduleErrors,
  scheduleFieldOf,
  type ScheduleForm,
  scheduleOf,
  validateSchedule,
  WEEKDAYS,
} from './scheduleForm';

export interface NewScheduleFormProps {
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
  onSaved: (schedule: Schedule) => void;
  onCancel: () => void;
}

export function NewScheduleForm({ networks, onRetryNetworks, onSaved, onCancel }: NewScheduleFormProps) {
  const { ended } = useSession();
  const [form, setForm] = useState(() => initialSchedule(viewersZone()));
  const [errors, setErrors] = useState<ScheduleErrors>({});
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const zones = useMemo(allZones, []);

  const change = (part: Partial<ScheduleForm>) => {
    setForm((current) => ({ ...current, ...part }));
    setErrors({});
    setFailure(null);
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const found = validateSchedule(form);
    setErrors(found);
    setFailure(null);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    try {
      onSaved(await saveSchedule(scheduleOf(form)));
    } catch (error) {
      setBusy(false);
      if (error instanceof SessionEnded) return ended(error.message);
      const field = error instanceof Refused ? scheduleFieldOf(error.field) : undefined;
      if (field) setErrors({ [field]: messageOf(error) });
      else setFailure(messageOf(error));
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} noValidate aria-label="New Schedule">
      <Stack>
        <TextInput
          label="Name"
          value={form.name}
          error={errors.name}
          onChange={(event) => change({ name: event.currentTarget.value })}
          data-autofocus
        />
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <NativeSelect
            label="Made"
            data={[...OFTEN]}
            value={form.often}
            onChange={(event) => change({ often: event.currentTarget.value as Often })}
          />
          <WhenFields form={form} error={errors.when} onChange={change} />
        </SimpleGrid>
        <NativeSelect
          label="Range"
          description="As seen from when the report is made."
          data={[...RANGES]}
          value={form.range}
          error={errors.range}
          onChange={(event) => change({ range: event.currentTarget.value })}
        />
        <Select
          label="Time zone"
          description="Of the times and the range; the times in the file are UTC."
          data={zones}
          value={form.zone}
          error={errors.zone}
          onChange={(zone) => zone && change({ zone })}
          searchable
          allowDeselect={false}
          limit={100}
          nothingFoundMessage="No such zone"
        />
        <RemoteNetworksField
          networks={networks}
          chosen={form.remote_networks}
          error={errors.remote_networks}
          onChange={(remote_networks) => change({ remote_networks })}
          onRetry={onRetryNetworks}
        />
        {failure && (
          <Alert color="red" variant="outline" role="alert">
            {failure}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            Cancel
          </Button>
          <Button type="submit" loading={busy}>
            Save schedule
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

interface WhenFieldsProps {
  form: ScheduleForm;
  error: string | undefined;
  onChange: (part: Partial<ScheduleForm>) => void;
}

/** What the chosen interval needs beside it. */
function WhenFields({ form, error, onChange }: WhenFieldsProps) {
  if (form.often === 'never') return null;
  if (form.often === 'cron') {
    return (
      <TextInput
        label="Cron"
        description="Minute, hour, day, month, weekday."
        value={form.cron}
        error={error}
        onChange={(event) => onChange({ cron: event.currentTarget.value })}
      />
    );
  }
  return (
    <Stack gap="xs">
      {form.often === 'weekly' && (
        <NativeSelect
          label="On"
          data={WEEKDAYS.map((value) => ({ value, label: value[0]?.toUpperCase() + value.slice(1) }))}
          value={form.weekday}
          onChange={(event) => onChange({ weekday: event.currentTarget.value })}
        />
      )}
      {form.often === 'monthly' && (
        <NumberInput
          label="On day"
          description="The last day where a month is shorter."
          min={1}
          max={31}
          allowDecimal={false}
          clampBehavior="strict"
          value={form.day}
          onChange={(day) => onChange({ day: Number(day) || 1 })}
        />
      )}
      <TextInput
        type="time"
        label={form.often === 'hourly' ? 'At the minute of' : 'At'}
        value={form.time}
        error={error}
        onChange={(event) => onChange({ time: event.currentTarget.value.slice(0, 5) })}
      />
    </Stack>
  );
}

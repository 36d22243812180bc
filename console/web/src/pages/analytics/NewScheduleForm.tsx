/// Keeps a report that is made by itself: when, of which time, of which Remote Networks, and what its files are.
import { NativeSelect, NumberInput, SimpleGrid, Stack, TextInput } from '@mantine/core';
import { useState } from 'react';
import { saveSchedule } from '../../api/client';
import type { Named, Schedule } from '../../api/types';
import { FormEnd } from '../../components/FormEnd';
import { ZoneField } from '../../components/ZoneField';
import { viewersZone } from '../../format/times';
import type { Loaded } from '../../hooks/useLoad';
import { useSubmit } from '../../hooks/useSubmit';
import { FileFields } from './FileFields';
import { RemoteNetworksField } from './RemoteNetworksField';
import { fitting } from './reportForm';
import {
  initialSchedule,
  type Often,
  OFTEN,
  RANGES,
  SCHEDULE_FIELDS,
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
  const [form, setForm] = useState(() => initialSchedule(viewersZone()));
  const { errors, failure, busy, forget, submit } = useSubmit(SCHEDULE_FIELDS);
  const change = (part: Partial<ScheduleForm>) => {
    setForm((current) => ({ ...current, ...part }));
    forget();
  };
  const save = async () => onSaved(await saveSchedule(scheduleOf(form)));

  return (
    <form onSubmit={(event) => void submit(event, validateSchedule(form), save)} noValidate aria-label="New Schedule">
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
        <ZoneField
          description="Of the times and the range; the times in the file are UTC."
          value={form.zone}
          error={errors.zone}
          onChange={(zone) => change({ zone })}
        />
        <RemoteNetworksField
          networks={networks}
          chosen={form.remote_networks}
          error={errors.remote_networks}
          onChange={(remote_networks) => change({ remote_networks })}
          onRetry={onRetryNetworks}
        />
        <FileFields
          form={form.file}
          errors={errors}
          onChange={(part) => change({ file: fitting({ ...form.file, ...part }) })}
        />
        <FormEnd failure={failure} busy={busy} send="Save schedule" onCancel={onCancel} />
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

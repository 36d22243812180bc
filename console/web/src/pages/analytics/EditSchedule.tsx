/// A schedule that is to be kept, or one that is to be another: when, of which time and connections, what its files are, and who is told.
import { NativeSelect, NumberInput, SimpleGrid, Stack, TextInput } from '@mantine/core';
import { changeSchedule, saveSchedule } from '../../api/client';
import type { Named, Schedule } from '../../api/types';
import { useSession } from '../../app/session';
import { Form } from '../../components/Form';
import { Name } from '../../components/Name';
import { NameField } from '../../components/NameField';
import { ReceiversField } from '../../components/ReceiversField';
import { ZoneField } from '../../components/ZoneField';
import { viewersZone } from '../../format/times';
import { useForm } from '../../hooks/useForm';
import type { Loaded } from '../../hooks/useLoad';
import { FileFields } from './FileFields';
import { FilterFields } from './FilterFields';
import { Preview } from './NextRuns';
import { RemoteNetworksField } from './RemoteNetworksField';
import { fittingPart } from './reportForm';
import {
  formOf,
  initialSchedule,
  type Often,
  OFTEN,
  previewOf,
  ranges,
  SCHEDULE_FIELDS,
  type ScheduleForm,
  scheduleOf,
  validateSchedule,
  WEEKDAYS,
} from './scheduleForm';

interface EditScheduleProps {
  /** The one that is to be changed; null: a new one is kept. */
  schedule: Schedule | null;
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
  onSaved: (schedule: Schedule) => void;
  onCancel: () => void;
}

export function EditSchedule({ schedule, networks, onRetryNetworks, onSaved, onCancel }: EditScheduleProps) {
  const { form, change, errors, sending } = useForm(
    () => (schedule === null ? initialSchedule(viewersZone()) : formOf(schedule)),
    SCHEDULE_FIELDS,
  );
  const save = async () => {
    const wanted = scheduleOf(form);
    onSaved(await (schedule === null ? saveSchedule(wanted) : changeSchedule(schedule.id, wanted)));
  };

  return (
    <Form
      label={schedule === null ? 'New Schedule' : 'Change schedule'}
      about={schedule && <Kept schedule={schedule} />}
      sending={sending}
      check={() => validateSchedule(form)}
      act={save}
      send="Save schedule"
      onCancel={onCancel}
    >
      <NameField value={form.name} error={errors.name} onChange={(name) => change({ name })} />
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
        description="As seen from when the report is made. Hours go back from then; days, weeks and months before it are whole."
        data={ranges(schedule?.range ?? form.range)}
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
      <Preview times={previewOf(form)} />
      <RemoteNetworksField
        networks={networks}
        chosen={form.remote_networks}
        error={errors.remote_networks}
        onChange={(remote_networks) => change({ remote_networks })}
        onRetry={onRetryNetworks}
      />
      <FilterFields filter={form.filter} errors={errors} onChange={(filter) => change({ filter })} />
      <FileFields form={form.file} errors={errors} onChange={(part) => change({ file: fittingPart(form.file, part) })} />
      <ReceiversField
        description="E-mail addresses that are told when a report is ready, or failed."
        none="You"
        value={form.receivers}
        error={errors.receivers}
        onChange={(receivers) => change({ receivers })}
      />
    </Form>
  );
}

/** What of a schedule stays or changes though no field says so. */
function Kept({ schedule }: { schedule: Schedule }) {
  const { state } = useSession();
  const isYours = state.is === 'signedIn' && state.session.account === schedule.owner;
  return (
    <>
      Reports that it made stay as they are.
      {!isYours && (
        <>
          {' '}
          It belongs to <Name value={schedule.owner} inline />, and to you once you save it.
        </>
      )}
    </>
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

/// Asks for a report: range in a zone, Remote Networks, what the file lists and how it is written.
import { Button, Group, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import { askForReport } from '../../api/client';
import type { Named, NewReport, Report } from '../../api/types';
import { FormEnd } from '../../components/FormEnd';
import { ZoneField } from '../../components/ZoneField';
import { PRESETS } from '../../format/presets';
import { viewersZone } from '../../format/times';
import type { Loaded } from '../../hooks/useLoad';
import { useSubmit } from '../../hooks/useSubmit';
import { FileFields } from './FileFields';
import { fitting, initialForm, REPORT_FIELDS, validate } from './reportForm';
import { RemoteNetworksField } from './RemoteNetworksField';

export interface NewReportFormProps {
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
  onAsked: (report: Report) => void;
  onCancel: () => void;
}

export function NewReportForm({ networks, onRetryNetworks, onAsked, onCancel }: NewReportFormProps) {
  const [form, setForm] = useState(() => initialForm(new Date(), viewersZone()));
  const { errors, failure, busy, forget, submit } = useSubmit(REPORT_FIELDS);
  const change = (part: Partial<NewReport>) => {
    setForm((current) => fitting({ ...current, ...part }));
    forget();
  };
  const ask = async () => onAsked(await askForReport(form));

  return (
    <form onSubmit={(event) => void submit(event, validate(form), ask)} noValidate aria-label="New Report">
      <Stack>
        <Text size="sm" c="dimmed">
          Most reports take minutes, very large ones hours. You can leave this page meanwhile.
        </Text>
        <Group gap="xs" role="group" aria-label="Ranges asked for often">
          {PRESETS.map(({ label, range }) => (
            <Button
              key={label}
              size="compact-sm"
              variant="default"
              onClick={() => change(range(new Date(), form.zone))}
            >
              {label}
            </Button>
          ))}
        </Group>
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <TextInput
            type="datetime-local"
            label="From"
            max="2100-12-31T23:59"
            value={form.from}
            error={errors.from}
            onChange={(event) => change({ from: event.currentTarget.value })}
            data-autofocus
          />
          <TextInput
            type="datetime-local"
            label="To"
            max="2100-12-31T23:59"
            value={form.to}
            error={errors.to}
            onChange={(event) => change({ to: event.currentTarget.value })}
          />
        </SimpleGrid>
        <ZoneField
          description="Of the range; the times in the file are UTC."
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
        <FileFields form={form} errors={errors} onChange={change} />
        <FormEnd failure={failure} busy={busy} send="Request report" onCancel={onCancel} />
      </Stack>
    </form>
  );
}

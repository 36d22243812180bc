/// Asks for a report: range in a zone, Remote Networks, what the file lists and how it is written.
import { Alert, Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from '@mantine/core';
import { type FormEvent, useMemo, useState } from 'react';
import { askForReport } from '../../api/client';
import { messageOf, Refused, SessionEnded } from '../../api/errors';
import type { Named, NewReport, Report } from '../../api/types';
import { useSession } from '../../app/session';
import { PRESETS } from '../../format/presets';
import { allZones, viewersZone } from '../../format/times';
import type { Loaded } from '../../hooks/useLoad';
import { FileFields } from './FileFields';
import { fieldOf, fitting, type FormErrors, initialForm, validate } from './reportForm';
import { RemoteNetworksField } from './RemoteNetworksField';

export interface NewReportFormProps {
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
  onAsked: (report: Report) => void;
  onCancel: () => void;
}

export function NewReportForm({ networks, onRetryNetworks, onAsked, onCancel }: NewReportFormProps) {
  const { ended } = useSession();
  const [form, setForm] = useState(() => initialForm(new Date(), viewersZone()));
  const [errors, setErrors] = useState<FormErrors>({});
  const [failure, setFailure] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const zones = useMemo(allZones, []);

  const change = (part: Partial<NewReport>) => {
    setForm((current) => fitting({ ...current, ...part }));
    setErrors({});
    setFailure(null);
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const found = validate(form);
    setErrors(found);
    setFailure(null);
    if (Object.keys(found).length > 0) return;
    setBusy(true);
    try {
      onAsked(await askForReport(form));
    } catch (error) {
      setBusy(false);
      if (error instanceof SessionEnded) return ended(error.message);
      const field = error instanceof Refused ? fieldOf(error.field) : undefined;
      if (field) setErrors({ [field]: messageOf(error) });
      else setFailure(messageOf(error));
    }
  };

  return (
    <form onSubmit={(event) => void submit(event)} noValidate aria-label="New Report">
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
        <Select
          label="Time zone"
          description="Of the range; the times in the file are UTC."
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
        <FileFields form={form} errors={errors} onChange={change} />
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
            Request report
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

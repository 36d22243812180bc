/// Asks for a report: range in a zone, which connections, what the file lists and how it is written, who is told; and says how large it will be.
import { Button, Group, Stack, Text } from '@mantine/core';
import { askForReport } from '../../api/client';
import type { Named, Report } from '../../api/types';
import { Form } from '../../components/Form';
import { RangeFields } from '../../components/RangeFields';
import { ReceiversField } from '../../components/ReceiversField';
import { ZoneField } from '../../components/ZoneField';
import { PRESETS, presetRange, rangeLabel } from '../../format/presets';
import { viewersZone } from '../../format/times';
import { useEstimate } from '../../hooks/useEstimate';
import { useForm } from '../../hooks/useForm';
import type { Loaded } from '../../hooks/useLoad';
import { EstimateLine } from './EstimateLine';
import { FileFields } from './FileFields';
import { FilterFields } from './FilterFields';
import { fittingPart, initialForm, REPORT_FIELDS, reportOf, validate } from './reportForm';
import { RemoteNetworksField } from './RemoteNetworksField';
import { UtcRange } from './UtcRange';

export interface NewReportFormProps {
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
  onAsked: (report: Report) => void;
  onCancel: () => void;
}

export function NewReportForm({ networks, onRetryNetworks, onAsked, onCancel }: NewReportFormProps) {
  const { form, change, errors, sending } = useForm(
    () => initialForm(new Date(), viewersZone()),
    REPORT_FIELDS,
    fittingPart,
  );
  const estimating = useEstimate(Object.keys(validate(form)).length === 0 ? reportOf(form) : null);

  return (
    <Form
      label="New Report"
      about="Most reports take minutes, very large ones hours. You can leave this page meanwhile."
      sending={sending}
      check={() => validate(form)}
      act={async () => onAsked(await askForReport(reportOf(form)))}
      send="Request report"
      onCancel={onCancel}
    >
      <Stack gap={4}>
        <Group gap="xs" role="group" aria-label="Ranges asked for often">
          {PRESETS.map(({ name, range }) => (
            <Button
              key={name}
              size="compact-sm"
              variant={name === form.preset ? 'light' : 'default'}
              aria-pressed={name === form.preset}
              onClick={() => change({ ...range(new Date(), form.zone), preset: name })}
            >
              {rangeLabel(name)}
            </Button>
          ))}
        </Group>
        <Text size="xs" c="dimmed">
          Hours go back from when it is requested; 7 and 30 days are whole days, without today.
        </Text>
      </Stack>
      <Stack gap={4}>
        <RangeFields
          range={form}
          errors={errors}
          max="2100-12-31T23:59"
          onChange={(part) => change({ ...part, preset: null })}
        />
        <UtcRange estimating={estimating} />
      </Stack>
      <ZoneField
        description="Of the range; the times in the file are UTC."
        value={form.zone}
        error={errors.zone}
        onChange={(zone) => change({ zone, ...presetRange(form.preset, new Date(), zone) })}
      />
      <RemoteNetworksField
        networks={networks}
        chosen={form.remote_networks}
        error={errors.remote_networks}
        onChange={(remote_networks) => change({ remote_networks })}
        onRetry={onRetryNetworks}
      />
      <FilterFields filter={form.filter} errors={errors} onChange={(filter) => change({ filter })} />
      <FileFields form={form} errors={errors} onChange={change} />
      <ReceiversField
        description="E-mail addresses that are told when it is ready, or failed."
        none="You"
        value={form.receivers}
        error={errors.receivers}
        onChange={(receivers) => change({ receivers })}
      />
      <EstimateLine estimating={estimating} />
    </Form>
  );
}

/// Brings a past range into the bucket of a sync.
import { backfillSync } from '../../api/client';
import type { AskedBackfill, BucketSync } from '../../api/types';
import { Form } from '../../components/Form';
import { RangeFields } from '../../components/RangeFields';
import { ZoneField } from '../../components/ZoneField';
import { viewersZone } from '../../format/times';
import { useForm } from '../../hooks/useForm';
import { initialPast, PAST_FIELDS, validatePast } from './syncForm';

interface BackfillFormProps {
  sync: BucketSync;
  onAsked: (sync: AskedBackfill) => void;
  onCancel: () => void;
}

export function BackfillForm({ sync, onAsked, onCancel }: BackfillFormProps) {
  const { form, change, errors, sending } = useForm(() => initialPast(sync, viewersZone()), PAST_FIELDS);

  return (
    <Form
      label="Backfill"
      about="What came before the sync was made, in whole hours of UTC, an object each: a range that begins or ends within one has the whole of it. Together with what comes by itself each event is there once."
      sending={sending}
      check={() => validatePast(form)}
      act={async () => onAsked(await backfillSync(sync.id, form))}
      send="Backfill"
      onCancel={onCancel}
    >
      <RangeFields range={form} errors={errors} max="2100-01-01T00:00" onChange={change} />
      <ZoneField
        description="Of the range."
        value={form.zone}
        error={errors.zone}
        onChange={(zone) => change({ zone })}
      />
    </Form>
  );
}

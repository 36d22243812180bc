import { SimpleGrid, TextInput } from '@mantine/core';
import type { LocalRange } from '../format/presets';
import type { Errors } from '../hooks/useForm';

interface RangeFieldsProps {
  range: LocalRange;
  errors: Errors<keyof LocalRange>;
  /** The last local time that may be entered. */
  max: string;
  onChange: (part: Partial<LocalRange>) => void;
}

/** Beginning and end, as local times. */
export function RangeFields({ range, errors, max, onChange }: RangeFieldsProps) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2 }}>
      {(['from', 'to'] as const).map((end) => (
        <TextInput
          key={end}
          type="datetime-local"
          label={end === 'from' ? 'From' : 'To'}
          step={60}
          max={max}
          value={range[end]}
          error={errors[end]}
          onChange={(event) => onChange({ [end]: event.currentTarget.value })}
          data-autofocus={end === 'from' || undefined}
        />
      ))}
    </SimpleGrid>
  );
}

/// Into which files a report is split, and how large they may be.
import { NativeSelect, NumberInput, SimpleGrid } from '@mantine/core';
import type { FileFormat } from '../../api/types';
import { MEGABYTES_MIN, ROWS_MIN, type SplitBy, type SplitErrors, type SplitForm } from './splitForm';

const CHOICES: { value: SplitBy; label: string; about: string }[] = [
  { value: 'nothing', label: 'Not split', about: 'One file; a very large report may have several.' },
  {
    value: 'spreadsheet',
    label: 'For a spreadsheet',
    about: '1,048,575 rows a file, and the header: as many lines as Excel and LibreOffice take.',
  },
  { value: 'size', label: 'By size', about: 'Each file has its own header, and all but the last are full. At most 1,000 files.' },
];

interface SplitFieldsProps {
  split: SplitForm;
  /** Parquet is packed inside: of its values bytes are counted, and its files are shorter. */
  format: FileFormat;
  errors: SplitErrors;
  onChange: (split: SplitForm) => void;
}

export function SplitFields({ split, format, errors, onChange }: SplitFieldsProps) {
  return (
    <>
      <NativeSelect
        label="Files"
        description={CHOICES.find(({ value }) => value === split.by)?.about}
        data={CHOICES.map(({ value, label }) => ({ value, label }))}
        value={split.by}
        error={errors.split}
        onChange={(event) => onChange({ ...split, by: event.currentTarget.value as SplitBy })}
      />
      {split.by === 'size' && (
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <NumberInput
            label="Rows a file, at most"
            description="Without the header."
            placeholder="Any number"
            min={ROWS_MIN}
            clampBehavior="none"
            allowDecimal={false}
            allowNegative={false}
            thousandSeparator=","
            hideControls
            value={split.rows}
            error={errors['split.rows']}
            onChange={(rows) => onChange({ ...split, rows })}
          />
          <NumberInput
            label="Megabytes a file, at most"
            description={format === 'parquet' ? 'Of its values, before they are packed.' : 'Before it is packed.'}
            placeholder="Any number"
            min={MEGABYTES_MIN}
            clampBehavior="none"
            decimalScale={6}
            allowNegative={false}
            thousandSeparator=","
            hideControls
            value={split.megabytes}
            error={errors['split.bytes']}
            onChange={(megabytes) => onChange({ ...split, megabytes })}
          />
        </SimpleGrid>
      )}
    </>
  );
}

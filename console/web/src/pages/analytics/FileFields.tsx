/// What the file lists and how it is written; what does not fit a choice is not offered.
import { MultiSelect, NativeSelect, SimpleGrid, Switch } from '@mantine/core';
import type { Compression, FileFormat, FileKind } from '../../api/types';
import { ALL_COLUMNS, FORMAT_NAMES, KIND_NAMES } from '../../format/files';
import type { FileErrors, FileForm } from './reportForm';
import { SplitFields } from './SplitFields';
import { TableFields } from './TableFields';

interface FileFieldsProps {
  form: FileForm;
  errors: FileErrors;
  onChange: (part: Partial<FileForm>) => void;
}

const options = (names: Record<string, string>) => Object.entries(names).map(([value, label]) => ({ value, label }));

export function FileFields({ form, errors, onChange }: FileFieldsProps) {
  const { kind, format } = form;
  const formats = options(FORMAT_NAMES).filter(({ value }) => value !== 'ndjson' || kind === 'events');
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: format === 'parquet' ? 2 : 3 }}>
        <NativeSelect
          label="Kind"
          data={options(KIND_NAMES)}
          value={kind}
          error={errors.kind}
          onChange={(event) => onChange({ kind: event.currentTarget.value as FileKind })}
        />
        <NativeSelect
          label="Format"
          data={formats}
          value={format}
          error={errors.format}
          onChange={(event) => onChange({ format: event.currentTarget.value as FileFormat })}
        />
        {format !== 'parquet' && (
          <NativeSelect
            label="Compression"
            data={[
              { value: 'none', label: `None (.${format})` },
              { value: 'gzip', label: `gzip (.${format}.gz)` },
              { value: 'zstd', label: `Zstandard (.${format}.zst)` },
            ]}
            value={form.compression}
            error={errors.compression}
            onChange={(event) => onChange({ compression: event.currentTarget.value as Compression })}
          />
        )}
      </SimpleGrid>
      {form.table && (
        <TableFields table={form.table} error={errors.table} onChange={(table) => onChange({ table })} />
      )}
      {kind === 'events' && format !== 'ndjson' && (
        <MultiSelect
          label="Columns"
          description="In the order in which they are chosen."
          placeholder={form.columns.length === 0 ? 'The usual 26' : undefined}
          data={ALL_COLUMNS}
          value={form.columns}
          error={errors.columns}
          onChange={(columns) => onChange({ columns })}
          searchable
          clearable
          hidePickedOptions
          maxDropdownHeight={220}
          nothingFoundMessage="No such column"
          clearButtonProps={{ 'aria-label': 'The usual columns' }}
        />
      )}
      {kind === 'events' && (
        <Switch
          label="Include denied attempts"
          checked={form.denied}
          error={errors.denied}
          onChange={(event) => onChange({ denied: event.currentTarget.checked })}
        />
      )}
      {format === 'csv' && (
        <>
          <Switch
            label="Mark as UTF-8 for Excel"
            description="The file begins with a byte order mark."
            checked={form.byte_order_mark}
            error={errors.byte_order_mark}
            onChange={(event) => onChange({ byte_order_mark: event.currentTarget.checked })}
          />
          <Switch
            label="Guard against formulas"
            description="An apostrophe before what a spreadsheet would take for a formula."
            checked={form.formula_guard}
            error={errors.formula_guard}
            onChange={(event) => onChange({ formula_guard: event.currentTarget.checked })}
          />
        </>
      )}
      <SplitFields split={form.split} format={format} errors={errors} onChange={(split) => onChange({ split })} />
    </>
  );
}

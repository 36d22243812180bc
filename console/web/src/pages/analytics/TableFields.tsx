/// Which table of traffic: points in time, what connections are told apart by, and what is measured.
import { MultiSelect, NativeSelect } from '@mantine/core';
import type { FileTable } from '../../api/types';
import { BUCKETS, DIMENSIONS, DIMENSIONS_MAX, MEASURES } from '../../format/tables';

interface TableFieldsProps {
  table: FileTable;
  error: string | undefined;
  onChange: (table: FileTable) => void;
}

const options = (names: Record<string, string>) => Object.entries(names).map(([value, label]) => ({ value, label }));

export function TableFields({ table, error, onChange }: TableFieldsProps) {
  return (
    <>
      <NativeSelect
        label="A row for each"
        description="Days, weeks and months are those of the time zone."
        data={[{ value: '', label: 'No time: the whole range' }, ...options(BUCKETS)]}
        value={table.bucket ?? ''}
        onChange={(event) => onChange({ ...table, bucket: event.currentTarget.value || null })}
      />
      <MultiSelect
        label="And for each"
        description={`Up to ${DIMENSIONS_MAX}, in the order in which they are chosen.`}
        data={options(DIMENSIONS)}
        value={table.by}
        error={error}
        onChange={(by) => onChange({ ...table, by })}
        maxValues={DIMENSIONS_MAX}
        searchable
        clearable
        hidePickedOptions
        maxDropdownHeight={220}
        nothingFoundMessage="Nothing of that name"
        clearButtonProps={{ 'aria-label': 'Nothing else' }}
      />
      <MultiSelect
        label="Measures"
        description="Most of the first one comes first."
        placeholder={table.measures.length === 0 ? 'Connections' : undefined}
        data={options(MEASURES)}
        value={table.measures}
        onChange={(measures) => onChange({ ...table, measures })}
        searchable
        clearable
        hidePickedOptions
        maxDropdownHeight={220}
        nothingFoundMessage="No such measure"
        clearButtonProps={{ 'aria-label': 'Connections alone' }}
      />
    </>
  );
}

import { Select } from '@mantine/core';
import { useMemo } from 'react';
import { allZones } from '../format/times';

interface ZoneFieldProps {
  description: string;
  value: string;
  error: string | undefined;
  onChange: (zone: string) => void;
}

/** One of all zones that the browser knows. */
export function ZoneField({ description, value, error, onChange }: ZoneFieldProps) {
  const zones = useMemo(allZones, []);
  return (
    <Select
      label="Time zone"
      description={description}
      data={zones}
      value={value}
      error={error}
      onChange={(zone) => zone && onChange(zone)}
      searchable
      allowDeselect={false}
      limit={100}
      nothingFoundMessage="No such zone"
    />
  );
}

import { TextInput } from '@mantine/core';

interface NameFieldProps {
  value: string;
  error: string | undefined;
  onChange: (name: string) => void;
}

/** What a thing is to be called: the first field of its form. */
export function NameField({ value, error, onChange }: NameFieldProps) {
  return (
    <TextInput
      label="Name"
      value={value}
      error={error}
      onChange={(event) => onChange(event.currentTarget.value)}
      data-autofocus
    />
  );
}

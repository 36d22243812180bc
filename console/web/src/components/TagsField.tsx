import { TagsInput } from '@mantine/core';
import { eachOnce } from '../format/tags';

interface TagsFieldProps {
  label: string;
  description?: string;
  /** What no value means. */
  none: string;
  value: string[];
  error: string | undefined;
  /** Values may hold commas and blanks: each is entered by itself. */
  whole?: boolean;
  onChange: (values: string[]) => void;
}

/** Any number of values that are typed. */
export function TagsField({ label, description, none, value, error, whole = false, onChange }: TagsFieldProps) {
  return (
    <TagsInput
      label={label}
      description={description}
      placeholder={value.length === 0 ? none : undefined}
      value={value}
      error={error}
      onChange={(entered) => onChange(whole ? entered : eachOnce(entered))}
      splitChars={whole ? [] : [',', ' ', ';']}
      clearable
      clearButtonProps={{ 'aria-label': `${label}: none` }}
    />
  );
}

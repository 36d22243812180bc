import { NativeSelect, useMantineColorScheme } from '@mantine/core';

const SCHEMES = [
  { value: 'auto', label: 'Auto' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];

/** Light, dark, or as the system has it. Kept in the browser. */
export function ColorSchemeToggle() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <NativeSelect
      size="xs"
      aria-label="Colour scheme"
      data={SCHEMES}
      value={colorScheme}
      onChange={(event) => setColorScheme(event.currentTarget.value as 'auto' | 'light' | 'dark')}
    />
  );
}

import { Button, Group, Loader, Paper, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Kept } from '../hooks/useKept';

interface KeptListProps<V, T> {
  kept: Kept<V, T>;
  /** What they are called within a sentence. */
  what: string;
  label: string;
  /** What is said where there are none. */
  empty: ReactNode;
  children: (item: T) => ReactNode;
}

/** Things that are kept, each in a frame of its own; or why they are not known. */
export function KeptList<V, T extends { id: string }>({ kept, what, label, empty, children }: KeptListProps<V, T>) {
  const { value, items, error, retry } = kept;
  return (
    <>
      {value === null && error === null && <Loader size="sm" aria-label={`Loading the ${what}`} role="status" />}
      {error !== null && (
        <Group gap="xs" role="alert">
          <Text size="sm">
            {value === null
              ? `The ${what} could not be loaded.`
              : `The ${what} could not be refreshed: this is what was last known.`}
          </Text>
          <Button size="compact-sm" variant="default" onClick={retry} aria-label={`Load the ${what} again`}>
            Again
          </Button>
        </Group>
      )}
      {value !== null && items.length === 0 && empty}
      {items.length > 0 && (
        <Stack component="ul" gap="sm" m={0} p={0} aria-label={label} style={{ listStyle: 'none' }}>
          {items.map((item) => (
            <Paper key={item.id} component="li" withBorder p="md">
              {children(item)}
            </Paper>
          ))}
        </Stack>
      )}
    </>
  );
}

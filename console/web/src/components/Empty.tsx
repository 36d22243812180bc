import { Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';

/** What stands where there is nothing to list. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Paper withBorder p="xl" ta="center">
      <Text fw={600}>{title}</Text>
      {children && (
        <Text size="sm" c="dimmed" mt={4} component="div">
          {children}
        </Text>
      )}
    </Paper>
  );
}

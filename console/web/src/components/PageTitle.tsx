import { Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';

interface PageTitleProps {
  title: ReactNode;
  /** What the browser's tab says. */
  tab: string;
  about?: ReactNode;
  action?: ReactNode;
}

/** Heading of a page, what it is for, and its one main action. */
export function PageTitle({ title, tab, about, action }: PageTitleProps) {
  useEffect(() => {
    document.title = `${tab} · Flowledger`;
  }, [tab]);
  return (
    <Group justify="space-between" align="flex-start" gap="md" mb="lg">
      <Stack gap={4} style={{ minWidth: 0 }} maw={640}>
        <Title order={1} size="h2">
          {title}
        </Title>
        {about && (
          <Text c="dimmed" size="sm" component="div">
            {about}
          </Text>
        )}
      </Stack>
      {action}
    </Group>
  );
}

import { Group, Stack, Title } from '@mantine/core';
import type { ReactNode, Ref } from 'react';

interface SectionProps {
  id: string;
  title: string;
  /** Its heading: where the focus goes when what had it is gone. */
  heading: Ref<HTMLHeadingElement>;
  action?: ReactNode;
  children: ReactNode;
}

/** A part of a page under a heading of its own. */
export function Section({ id, title, heading, action, children }: SectionProps) {
  return (
    <Stack component="section" aria-labelledby={id} mt="xl">
      <Group justify="space-between">
        <Title order={2} size="h4" id={id} ref={heading} tabIndex={-1} className="section-title">
          {title}
        </Title>
        {action}
      </Group>
      {children}
    </Stack>
  );
}

import { Badge, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Name } from './Name';
import { type Wish, WishButtons } from './WishButtons';

interface KeptItemProps {
  /** What it is, as within a sentence: `bucket sync`. */
  kind: string;
  name: string;
  /** What it does. */
  about: ReactNode;
  state: { label: string; color: string };
  /** How it stands, behind its state. */
  standing: ReactNode;
  wishes: readonly Wish[];
  /** Below, as wide as it is. */
  children?: ReactNode;
}

/** One of the things that are kept: its name and what it does, how it stands, and what may be wanted of it. */
export function KeptItem({ kind, name, about, state, standing, wishes, children }: KeptItemProps) {
  return (
    <article aria-label={`${kind.charAt(0).toUpperCase()}${kind.slice(1)} ${name}`}>
      <div className="report-row kept-row">
        <Stack gap={2} style={{ minWidth: 0 }}>
          <Text fw={600} component="div">
            <Name value={name} />
          </Text>
          {about}
        </Stack>
        <Stack gap={2} style={{ minWidth: 0 }}>
          <Badge color={state.color} variant="dot" tt="none" size="lg">
            {state.label}
          </Badge>
          {standing}
        </Stack>
        <WishButtons wishes={wishes} of={`${kind} ${name}`} />
      </div>
      {children}
    </article>
  );
}

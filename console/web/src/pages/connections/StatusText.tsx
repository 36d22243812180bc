import { Group, Text } from '@mantine/core';
import type { ConnectionStatus } from '../../api/types';
import { describeStatus } from '../../format/connections';

const COLORS: Record<ConnectionStatus, string> = {
  NORMAL: 'green',
  DNS_ERROR: 'orange',
  CONNECTION_FAILED: 'red',
  ACCESS_DENIED: 'grape',
};

/** A dot and a word: the colour is never alone. */
export function StatusText({ status }: { status: ConnectionStatus }) {
  return (
    <Group gap={8} wrap="nowrap" component="span" display="inline-flex">
      <span
        aria-hidden
        style={{
          width: 8,
          height: 8,
          flex: 'none',
          borderRadius: 4,
          background: `var(--mantine-color-${COLORS[status] ?? 'gray'}-6)`,
        }}
      />
      <Text span size="sm" style={{ whiteSpace: 'nowrap' }}>
        {describeStatus(status)}
      </Text>
    </Group>
  );
}

import { Group, Paper, Stack, Text, UnstyledButton } from '@mantine/core';
import { Name } from '../../components/Name';
import { formatBytes } from '../../format/bytes';
import { describeType, whoConnected } from '../../format/connections';
import { formatDuration } from '../../format/durations';
import { formatTime } from '../../format/times';
import type { ConnectionListProps } from './ConnectionTable';
import { StatusText } from './StatusText';

/** Connections on a narrow screen. */
export function ConnectionCards({ subject, connections, zone, onChoose }: ConnectionListProps) {
  return (
    <Stack component="ul" gap="xs" m={0} p={0} aria-label="Recent connections" style={{ listStyle: 'none' }}>
      {connections.map((connection) => (
        <li key={connection.event_id}>
          <Paper withBorder>
            <UnstyledButton p="sm" w="100%" onClick={() => onChoose(connection)} aria-haspopup="dialog">
              <Group justify="space-between" gap="xs">
                <Text size="sm" fw={600} className="number" span>
                  {formatTime(connection.end_time, zone)}
                </Text>
                <StatusText status={connection.status} />
              </Group>
              <Text size="sm" component="div" mt={4}>
                <Name value={subject === 'users' ? connection.resource.address : whoConnected(connection)} short />
              </Text>
              <Text size="sm" c="dimmed" component="div">
                <Name value={connection.remote_network.name || connection.remote_network.id} short />
              </Text>
              <Text size="sm" c="dimmed" mt={4}>
                {[
                  connection.protocol.toUpperCase(),
                  describeType(connection.connection_type),
                  ...(connection.status === 'NORMAL'
                    ? [
                        formatDuration(connection.duration_ms),
                        formatBytes(connection.bytes_transferred + connection.bytes_received),
                      ]
                    : []),
                ].join(' · ')}
              </Text>
            </UnstyledButton>
          </Paper>
        </li>
      ))}
    </Stack>
  );
}

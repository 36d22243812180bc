import { Anchor, Paper, Table } from '@mantine/core';
import type { Subject } from '../../api/client';
import type { Connection } from '../../api/types';
import { Name } from '../../components/Name';
import { formatBytes } from '../../format/bytes';
import { describeType, whoConnected } from '../../format/connections';
import { formatDuration } from '../../format/durations';
import { formatTime } from '../../format/times';
import { StatusText } from './StatusText';

export interface ConnectionListProps {
  /** Whose page this is: that column is left out. */
  subject: Subject;
  connections: readonly Connection[];
  zone: string;
  onChoose: (connection: Connection) => void;
}

/**
 * Connections on a wide screen. The time is the button for the keyboard; a click may be anywhere in the row.
 * Where the room is short, who and where come first: the details show the rest.
 */
export function ConnectionTable({ subject, connections, zone, onChoose }: ConnectionListProps) {
  return (
    <Paper withBorder style={{ overflow: 'hidden' }}>
      <Table aria-label="Recent connections" highlightOnHover layout="fixed" verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={172}>End time</Table.Th>
            <Table.Th>{subject === 'users' ? 'Resource' : 'User'}</Table.Th>
            <Table.Th w={165}>Remote Network</Table.Th>
            <Table.Th w={148}>Status</Table.Th>
            <Table.Th w={80}>Protocol</Table.Th>
            <Table.Th w={62}>Type</Table.Th>
            <Table.Th w={95} ta="right" visibleFrom="xl">
              Duration
            </Table.Th>
            <Table.Th w={80} ta="right">
              Bytes
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {connections.map((connection) => (
            <Table.Tr key={connection.event_id} className="connection-row" onClick={() => onChoose(connection)}>
              <Table.Td className="number">
                <Anchor component="button" type="button" size="sm" aria-haspopup="dialog">
                  {formatTime(connection.end_time, zone)}
                </Anchor>
              </Table.Td>
              <Table.Td>
                <Name value={subject === 'users' ? connection.resource.address : whoConnected(connection)} short />
              </Table.Td>
              <Table.Td>
                <Name value={connection.remote_network.name || connection.remote_network.id} short />
              </Table.Td>
              <Table.Td>
                <StatusText status={connection.status} />
              </Table.Td>
              <Table.Td>{connection.protocol.toUpperCase()}</Table.Td>
              <Table.Td>{describeType(connection.connection_type)}</Table.Td>
              <Table.Td ta="right" className="number" visibleFrom="xl">
                {connection.status === 'NORMAL' ? formatDuration(connection.duration_ms) : '–'}
              </Table.Td>
              <Table.Td ta="right" className="number">
                {connection.status === 'NORMAL'
                  ? formatBytes(connection.bytes_transferred + connection.bytes_received)
                  : '–'}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}

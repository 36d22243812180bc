/// Everything that is known of one connection.
import { Drawer } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Connection } from '../../api/types';
import { Name } from '../../components/Name';
import { formatBytes, formatCount } from '../../format/bytes';
import { describeType, formatAddress, formatNetwork, formatRelay } from '../../format/connections';
import { formatDuration } from '../../format/durations';
import { formatTime } from '../../format/times';
import { StatusText } from './StatusText';

interface ConnectionDetailsProps {
  /** null: closed. */
  connection: Connection | null;
  zone: string;
  onClose: () => void;
}

export function ConnectionDetails({ connection, zone, onClose }: ConnectionDetailsProps) {
  return (
    <Drawer
      opened={connection !== null}
      onClose={onClose}
      title="Connection details"
      position="right"
      size="lg"
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {connection && <Facts connection={connection} zone={zone} />}
    </Drawer>
  );
}

function Facts({ connection, zone }: { connection: Connection; zone: string }) {
  const { resource, connector, remote_network, user, service_account: account, client_network: network, relays } = connection;
  const ended = connection.status === 'NORMAL';
  return (
    <dl className="details">
      <Fact name="Status">
        <StatusText status={connection.status} />
      </Fact>
      <Fact name="Error" shown={!ended}>
        <Name value={connection.error_message} />
      </Fact>
      <Fact name="Start">
        <Moment time={connection.start_time} zone={zone} />
      </Fact>
      <Fact name="End" shown={ended}>
        <Moment time={connection.end_time} zone={zone} />
      </Fact>
      <Fact name="Duration" shown={ended}>
        {formatDuration(connection.duration_ms)}
      </Fact>
      <Fact name="User" shown={Boolean(user)}>
        <NameAndId name={user?.email} id={user?.id} />
      </Fact>
      <Fact name="Service account" shown={Boolean(account)}>
        <NameAndId name={account?.name} id={account?.id} />
      </Fact>
      <Fact name="Service account key" shown={Boolean(account?.key || account?.key_id)}>
        <NameAndId name={account?.key} id={account?.key_id} />
      </Fact>
      <Fact name="Device">
        <Name value={connection.device_id} />
      </Fact>
      <Fact name="Client IP address">
        <Name value={connection.client_ip} />
      </Fact>
      <Fact name="Client network" shown={Boolean(network)}>
        <Name value={network && formatNetwork(network)} />
      </Fact>
      <Fact name="Resource">
        <NameAndId name={resource.address} id={resource.id} />
      </Fact>
      <Fact name="Applied rule">
        <Name value={resource.applied_rule} />
      </Fact>
      <Fact name="Resource IP address and port">
        <Name value={formatAddress(connection.resource_ip, connection.resource_port)} />
      </Fact>
      <Fact name="Protocol">{connection.protocol.toUpperCase()}</Fact>
      <Fact name="Connection type">{describeType(connection.connection_type)}</Fact>
      <Fact name="Relays" shown={relays.length > 0}>
        {relays.map((relay, index) => (
          // Relays have no id, and two may be alike; their order is the event's and does not change.
          <div key={index}>
            <Name value={formatRelay(relay)} />
          </div>
        ))}
      </Fact>
      <Fact name="Bytes transferred" shown={ended}>
        <Bytes count={connection.bytes_transferred} direction="client to Resource" />
      </Fact>
      <Fact name="Bytes received" shown={ended}>
        <Bytes count={connection.bytes_received} direction="Resource to client" />
      </Fact>
      <Fact name="Connector">
        <NameAndId name={connector.name} id={connector.id} />
      </Fact>
      <Fact name="Remote Network">
        <NameAndId name={remote_network.name} id={remote_network.id} />
      </Fact>
      <Fact name="Event id">
        <Name value={connection.event_id} />
      </Fact>
    </dl>
  );
}

function Fact({ name, shown = true, children }: { name: string; shown?: boolean; children: ReactNode }) {
  if (!shown) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function NameAndId({ name, id }: { name: string | null | undefined; id: string | null | undefined }) {
  return (
    <>
      <Name value={name} />
      {id && <div className="detail-note">Id {id}</div>}
    </>
  );
}

function Moment({ time, zone }: { time: string; zone: string }) {
  return (
    <>
      <time dateTime={time}>
        {formatTime(time, zone)} {zone}
      </time>
      {zone !== 'UTC' && <div className="detail-note">{formatTime(time, 'UTC')} UTC</div>}
    </>
  );
}

function Bytes({ count, direction }: { count: number; direction: string }) {
  return (
    <>
      {formatBytes(count)}
      <div className="detail-note">
        {formatCount(count)} bytes, {direction}
      </div>
    </>
  );
}

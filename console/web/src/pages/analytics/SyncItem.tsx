/// One bucket sync: what it writes, and its health.
import { Text } from '@mantine/core';
import { cancelBackfill, deleteSync, pauseSync, resumeSync } from '../../api/client';
import type { Backfill, BucketSync, TakenRange } from '../../api/types';
import { KeptItem } from '../../components/KeptItem';
import { Name } from '../../components/Name';
import type { Wish } from '../../components/WishButtons';
import { deletion, pauseOrResume } from '../../components/wishes';
import { formatBytes, formatCountOf } from '../../format/bytes';
import { formatDuration } from '../../format/durations';
import { describeBackfill, describeObjects, standingOf } from '../../format/syncs';
import { formatRange, formatTime } from '../../format/times';
import { UtcBackfill } from './UtcRange';
import { Which } from './Which';

/** Past ranges that are seen without asking for more. */
const PAST_SHOWN = 3;

interface SyncItemProps {
  sync: BucketSync;
  names: ReadonlyMap<string, string>;
  zone: string;
  /** Of the past range that was asked for last on this page. */
  taken: TakenRange | null;
  /** As it is now; null: it was deleted. */
  onChanged: (sync: BucketSync | null) => void;
  /** Its name, interval or receivers are to be others. */
  onChange: () => void;
  /** A past range is wanted. */
  onBackfill: () => void;
}

const KIND = 'bucket sync';

export function SyncItem({ sync, names, zone, taken, onChanged, onChange, onBackfill }: SyncItemProps) {
  const { id, name, state, failing_since: since } = sync;
  const lost = 'It writes no more; its objects stay in the bucket.';
  return (
    <KeptItem
      kind={KIND}
      name={name}
      about={
        <>
          <Text size="sm">{describeObjects(sync)}</Text>
          <Text size="sm" component="div">
            <Which filter={sync} names={names} />
          </Text>
          <Text size="sm" c="dimmed" component="div">
            Bucket <Name value={sync.destination} inline />, mails to{' '}
            {sync.receivers.length > 0 ? <Name value={sync.receivers.join(', ')} inline /> : 'nobody'}
          </Text>
        </>
      }
      state={standingOf(sync)}
      standing={
        <>
          {since && (
            <Text size="sm" component="div">
              Since <time dateTime={since}>{formatTime(since, zone, 'minute')}</time>: <Name value={sync.reason} inline />
            </Text>
          )}
          {sync.lag_seconds !== null && <Text size="sm">Lag {formatDuration(sync.lag_seconds * 1_000)}</Text>}
          <Text size="sm">
            In the bucket until <time dateTime={sync.reached}>{formatTime(sync.reached, zone, 'minute')}</time>
          </Text>
        </>
      }
      wishes={[
        pauseOrResume(state === 'paused', [() => pauseSync(id), () => resumeSync(id)], onChanged),
        { label: 'Change', act: onChange },
        { label: 'Backfill', act: onBackfill },
        ...cancellation(sync, zone, onChanged),
        deletion({ kind: KIND, name }, lost, () => deleteSync(id), () => onChanged(null)),
      ]}
    >
      <LastObject sync={sync} zone={zone} />
      <Past backfills={sync.backfills} zone={zone} />
      <UtcBackfill range={taken} />
    </KeptItem>
  );
}

/** Of the past range that is being written; none where none is. */
function cancellation({ id, backfills }: BucketSync, zone: string, onChanged: (sync: BucketSync) => void): Wish[] {
  const written = backfills.find(({ state }) => state === 'waiting');
  if (written === undefined) return [];
  const { from, to, number } = written;
  const text = `No more is written of ${formatRange(from, to, zone)}. Its objects that are in the bucket stay.`;
  const act = async () => onChanged(await cancelBackfill(id, number));
  return [{ label: 'Cancel backfill', act, ask: { title: 'Cancel this backfill?', text } }];
}

function LastObject({ sync, zone }: { sync: BucketSync; zone: string }) {
  const last = sync.last_object;
  return (
    <Text size="sm" mt="xs" component="div">
      {last === null ? (
        'No object yet.'
      ) : (
        <>
          Last object: {formatCountOf(last.rows, 'row')}, {formatBytes(last.size_bytes)},{' '}
          <time dateTime={last.stored_at}>{formatTime(last.stored_at, zone, 'minute')}</time>
          <Text size="xs" c="dimmed" component="div">
            <Name value={last.key} />
          </Text>
        </>
      )}
    </Text>
  );
}

function Past({ backfills, zone }: { backfills: readonly Backfill[]; zone: string }) {
  if (backfills.length === 0) return null;
  // The newest first; those that are done lie behind.
  const lines = backfills.map((backfill, index) => (
    <li key={index}>
      {formatRange(backfill.from, backfill.to, zone)}: {describeBackfill(backfills, index)}
    </li>
  ));
  lines.reverse();
  return (
    <Text size="sm" mt="xs" component="div">
      Backfill:
      <ul style={{ margin: 0 }}>{lines.slice(0, PAST_SHOWN)}</ul>
      {lines.length > PAST_SHOWN && (
        <details>
          <summary>{formatCountOf(lines.length - PAST_SHOWN, 'range')} more</summary>
          <ul style={{ margin: 0 }}>{lines.slice(PAST_SHOWN)}</ul>
        </details>
      )}
    </Text>
  );
}

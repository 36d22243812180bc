/// The range in UTC as the server takes it, and what it makes of local times that do not occur once.
import { Text } from '@mantine/core';
import type { Estimate, TakenRange } from '../../api/types';
import { formatRange } from '../../format/times';
import type { Answering } from '../../hooks/useAnswer';

export function UtcRange({ estimating }: { estimating: Answering<Estimate> }) {
  return (
    <div role="status" aria-label="In UTC">
      {estimating.is === 'asking' && (
        <Text size="xs" c="dimmed">
          In UTC: …
        </Text>
      )}
      {estimating.is === 'told' && <Told range={estimating.answer} />}
    </div>
  );
}

/** A range of a backfill that was asked for; null: none was. */
export function UtcBackfill({ range }: { range: TakenRange | null }) {
  return (
    <div role="status" aria-label="Backfill in UTC">
      {range && <Told range={range} />}
    </div>
  );
}

function Told({ range: { from, to, from_note: fromNote, to_note: toNote } }: { range: TakenRange }) {
  return (
    <>
      <Text size="xs" c="dimmed">
        In UTC: {formatRange(from, to, 'UTC')}
      </Text>
      {fromNote && <Text size="sm">From {fromNote}.</Text>}
      {toNote && <Text size="sm">To {toNote}.</Text>}
    </>
  );
}

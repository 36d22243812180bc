/// Reports that will be made: when, of which time, and how long each is kept.
import { Text } from '@mantine/core';
import type { NextRun, Times } from '../../api/types';
import { previewSchedule } from '../../api/client';
import { formatCountOf } from '../../format/bytes';
import { formatMoment, formatRange } from '../../format/times';
import { useAnswer } from '../../hooks/useAnswer';

export function NextRuns({ runs, zone }: { runs: readonly NextRun[]; zone: string }) {
  return (
    <ol style={{ margin: 0 }}>
      {runs.map(({ due, from, to }) => (
        <li key={due}>{`${formatMoment(due, zone)}: ${formatRange(from, to, zone)}`}</li>
      ))}
    </ol>
  );
}

/** How long the files of a report are kept, where they are not for good. */
export function KeptFor({ days, of }: { days: number; of: 'it' | 'each' }) {
  return (
    <Text size="sm">
      Files are kept for {formatCountOf(days, 'day')} once {of} is completed.
    </Text>
  );
}

/** Of a schedule as it is entered; it never holds up saving. `times`: null where there are none, or something is wrong with them. */
export function Preview({ times }: { times: Times | null }) {
  const previewing = useAnswer(times, previewSchedule);
  const { next_runs: runs, keep_days: days = null } = previewing.is === 'told' ? previewing.answer : { next_runs: [] };
  return (
    <div role="status" aria-label="Next reports">
      {previewing.is === 'asking' && <Text size="sm">Next reports: …</Text>}
      {previewing.is === 'untold' && <Text size="sm">The next reports cannot be told: {previewing.reason}</Text>}
      {previewing.is === 'told' && times && times.when !== null && (
        <Text size="sm" component="div">
          {runs.length === 0 ? 'It makes no report.' : 'Next reports, each with its range:'}
          {runs.length > 0 && <NextRuns runs={runs} zone={times.zone} />}
        </Text>
      )}
      {days !== null && <KeptFor days={days} of="each" />}
    </div>
  );
}

/// Reports that will be made: when, and of which time.
import { Text } from '@mantine/core';
import type { NextRun, Times } from '../../api/types';
import { previewRuns } from '../../api/client';
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

/** Of a schedule as it is entered; it never holds up saving. `times`: null where there are none, or something is wrong with them. */
export function Preview({ times }: { times: Times | null }) {
  const previewing = useAnswer(times, previewRuns);
  return (
    <div role="status" aria-label="Next reports">
      {previewing.is === 'asking' && <Text size="sm">Next reports: …</Text>}
      {previewing.is === 'untold' && <Text size="sm">The next reports cannot be told: {previewing.reason}</Text>}
      {previewing.is === 'told' && times && (
        <Text size="sm" component="div">
          {previewing.answer.length === 0 ? 'It makes no report.' : 'Next reports, each with its range:'}
          {previewing.answer.length > 0 && <NextRuns runs={previewing.answer} zone={times.zone} />}
        </Text>
      )}
    </div>
  );
}

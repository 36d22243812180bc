/// How large the report would be that the form asks for, and how long it would be kept. It never holds up asking.
import { Text } from '@mantine/core';
import type { Estimate } from '../../api/types';
import { describeEstimate } from '../../format/estimates';
import type { Answering } from '../../hooks/useAnswer';
import { KeptFor } from './NextRuns';

interface EstimateLineProps {
  estimating: Answering<Estimate>;
}

export function EstimateLine({ estimating }: EstimateLineProps) {
  const { over_limit: over = null, keep_days: days = null } = estimating.is === 'told' ? estimating.answer : {};
  return (
    <div role="status" aria-label="Estimate">
      <Text size="sm">{wordsOf(estimating)}</Text>
      {days !== null && <KeptFor days={days} of="it" />}
      {over && (
        <Text size="sm" c="var(--mantine-color-error)">
          It would be refused: {over.message}.
        </Text>
      )}
    </div>
  );
}

function wordsOf(estimating: Answering<Estimate>): string {
  switch (estimating.is) {
    case 'nothing':
      return 'How large it will be is told once every field is right.';
    case 'asking':
      return 'Counting connections…';
    case 'told':
      return describeEstimate(estimating.answer);
    case 'untold':
      return `How large it will be cannot be told: ${estimating.reason}`;
  }
}

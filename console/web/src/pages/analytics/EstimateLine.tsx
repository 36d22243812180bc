/// How large the report would be that the form asks for. It never holds up asking.
import { Text } from '@mantine/core';
import type { NewReport } from '../../api/types';
import { describeEstimate } from '../../format/estimates';
import { type Estimating, useEstimate } from '../../hooks/useEstimate';

interface EstimateLineProps {
  /** null where something is wrong with it. */
  report: NewReport | null;
}

export function EstimateLine({ report }: EstimateLineProps) {
  const estimating = useEstimate(report);
  const over = estimating.is === 'told' ? estimating.estimate.over_limit : null;
  return (
    <div role="status" aria-label="Estimate">
      <Text size="sm">{wordsOf(estimating)}</Text>
      {over && (
        <Text size="sm" c="var(--mantine-color-error)">
          It would be refused: {over.message}.
        </Text>
      )}
    </div>
  );
}

function wordsOf(estimating: Estimating): string {
  switch (estimating.is) {
    case 'nothing':
      return 'How large it will be is told once every field is right.';
    case 'asking':
      return 'Counting connections…';
    case 'told':
      return describeEstimate(estimating.estimate);
    case 'untold':
      return `How large it will be cannot be told: ${estimating.reason}`;
  }
}

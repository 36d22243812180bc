import { VisuallyHidden } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import type { Report } from '../../api/types';
import { describeState } from '../../format/progress';

/** Says aloud when a report changes its state; rows that are counted up are not news. */
export function ReportAnnouncer({ reports }: { reports: readonly Report[] }) {
  const known = useRef(new Map<string, Report['state']>());
  const [news, setNews] = useState('');

  useEffect(() => {
    const changed = reports.find((report) => {
      const before = known.current.get(report.id);
      return before !== undefined && before !== report.state;
    });
    known.current = new Map(reports.map((report) => [report.id, report.state]));
    if (changed) setNews(`Report: ${describeState(changed)}`);
  }, [reports]);

  return (
    <VisuallyHidden role="status" aria-live="polite">
      {news}
    </VisuallyHidden>
  );
}

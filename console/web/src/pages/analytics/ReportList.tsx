import { Paper, Stack } from '@mantine/core';
import type { Named, Report } from '../../api/types';
import { ReportItem } from './ReportItem';

interface ReportListProps {
  /** Newest first. */
  reports: readonly Report[];
  /** Names for the Remote Networks' ids; an id without one is shown itself. */
  networks: readonly Named[];
  zone: string;
  /** The report that was just asked for. */
  asked: string | null;
  /** A report that was cancelled here, or asked for again. */
  onChanged: (report: Report) => void;
}

export function ReportList({ reports, networks, zone, asked, onChanged }: ReportListProps) {
  const names = new Map(networks.map(({ id, name }) => [id, name]));
  return (
    <Stack component="ul" gap="sm" m={0} p={0} aria-label="Reports" style={{ listStyle: 'none' }}>
      {reports.map((report) => (
        <Paper
          key={report.id}
          component="li"
          withBorder
          p="md"
          style={report.id === asked ? { borderColor: 'var(--mantine-primary-color-filled)' } : undefined}
        >
          <ReportItem report={report} names={names} zone={zone} onChanged={onChanged} />
        </Paper>
      ))}
    </Stack>
  );
}

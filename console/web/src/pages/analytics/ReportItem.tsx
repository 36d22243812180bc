/// One report of the list: what was asked for, how far it is, and its file.
import { Anchor, Badge, Button, Group, Progress, Stack, Text } from '@mantine/core';
import { downloadAddress } from '../../api/client';
import type { Report, ReportState } from '../../api/types';
import { Name } from '../../components/Name';
import { describeFile } from '../../format/files';
import { progressPercent, stateDetail, stateLabel } from '../../format/progress';
import { formatRange, formatTime } from '../../format/times';
import { ManifestButton } from './ManifestButton';
import { ReportWish } from './ReportWish';
import { Which } from './Which';

const COLORS: Record<ReportState, string> = {
  requested: 'gray.6',
  waiting: 'yellow.6',
  running: 'cyan.6',
  completed: 'green.6',
  failed: 'red.6',
  cancelled: 'gray.6',
  expired: 'gray.6',
};

interface ReportItemProps {
  report: Report;
  names: ReadonlyMap<string, string>;
  zone: string;
  onChanged: (report: Report) => void;
}

export function ReportItem({ report, names, zone, onChanged }: ReportItemProps) {
  const { from, to, requested_at: requestedAt } = report;
  const range = from && to ? formatRange(from, to, report.zone ?? 'UTC') : 'Range not known';
  return (
    <article className="report-row" aria-label={`Report ${range}`}>
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Text fw={600} className="number" style={{ whiteSpace: 'normal' }}>
          {range}
        </Text>
        <Text size="sm" component="div">
          <Which filter={report} names={names} />
          {describeFile(report)}
        </Text>
        <Text size="sm" c="dimmed" component="div">
          Requested {requestedAt && <time dateTime={requestedAt}>{formatTime(requestedAt, zone, 'minute')}</time>} by{' '}
          <Name value={report.requested_by} inline />
        </Text>
      </Stack>
      <Status report={report} zone={zone} />
      <ReportWish report={report} range={range} onChanged={onChanged} />
      {report.state === 'completed' && (
        <Stack gap={4}>
          <Download report={report} range={range} />
          <ManifestButton report={report} range={range} />
        </Stack>
      )}
    </article>
  );
}

function Download({ report, range }: { report: Report; range: string }) {
  const files = report.files ?? 1;
  if (files > 1) {
    return (
      <details aria-label={`Download report ${range}`} style={{ fontSize: 'var(--mantine-font-size-sm)' }}>
        <summary>Download {files} files</summary>
        <ol start={0} style={{ maxHeight: '12rem', overflow: 'auto', margin: 0 }}>
          {Array.from({ length: files }, (_, file) => (
            <li key={file}>
              <Anchor href={downloadAddress(report.id, file)} download="">
                File {file}
              </Anchor>
            </li>
          ))}
        </ol>
      </details>
    );
  }
  return (
    <Button
      component="a"
      href={downloadAddress(report.id)}
      download={report.file_name ?? ''}
      variant="light"
      aria-label={`Download report ${range}`}
    >
      Download
    </Button>
  );
}

function Status({ report, zone }: { report: Report; zone: string }) {
  const percent = progressPercent(report);
  const detail = stateDetail(report);
  return (
    <Stack gap={6} style={{ minWidth: 0 }}>
      <Group gap="xs">
        <Badge color={COLORS[report.state] ?? 'gray.6'} variant="dot" tt="none" size="lg">
          {stateLabel(report.state)}
        </Badge>
        {report.state === 'running' && percent !== null && (
          <Text size="sm" className="number">
            {percent} %
          </Text>
        )}
      </Group>
      {report.state === 'running' && <Bar percent={percent} />}
      {detail && (
        <Text size="sm" component="div">
          <Name value={detail} />
        </Text>
      )}
      {report.state === 'completed' && report.expires_at && (
        <Text size="sm" c="dimmed">
          Kept until <time dateTime={report.expires_at}>{formatTime(report.expires_at, zone, 'minute')}</time>
        </Text>
      )}
    </Stack>
  );
}

function Bar({ percent }: { percent: number | null }) {
  // How far it is, nobody knows: something moves, and the count of rows beside it says the rest.
  if (percent === null) return <Progress value={100} color="cyan.6" size="sm" striped animated aria-hidden />;
  return <Progress value={percent} color="cyan.6" size="sm" aria-label="Progress of the report" />;
}

/// Settings > Analytics: ask for reports, follow them, download them; schedules and bucket syncs.
import { Anchor, Button, Group, Loader, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useCallback, useState } from 'react';
import { listRemoteNetworks } from '../../api/client';
import type { Report } from '../../api/types';
import { Empty } from '../../components/Empty';
import { Failure } from '../../components/Failure';
import { PageTitle } from '../../components/PageTitle';
import { viewersZone } from '../../format/times';
import { useLoad } from '../../hooks/useLoad';
import { useReports } from '../../hooks/useReports';
import { NewReportModal } from './NewReportModal';
import { ReportAnnouncer } from './ReportAnnouncer';
import { ReportList } from './ReportList';
import { Schedules } from './Schedules';
import { Syncs } from './Syncs';

export function AnalyticsPage() {
  const { reports, error, live, reload, add } = useReports();
  const { loaded: networks, retry } = useLoad(listRemoteNetworks);
  const [opened, { open, close }] = useDisclosure();
  const [asked, setAsked] = useState<string | null>(null);

  const onAsked = useCallback(
    (report: Report) => {
      add(report);
      setAsked(report.id);
      close();
    },
    [add, close],
  );

  return (
    <>
      <PageTitle
        title="Analytics"
        tab="Analytics"
        about="Reports list the connections of your Remote Networks in a time range. They are made in the background."
        action={<Button onClick={open}>New Report</Button>}
      />
      <Group component="nav" aria-label="On this page" gap="md" mb="md">
        <Anchor size="sm" href="#schedules">
          Schedules
        </Anchor>
        <Anchor size="sm" href="#syncs">
          Bucket syncs
        </Anchor>
      </Group>
      <Stack>
        {error !== null && <Failure error={error} onRetry={reload} />}
        {reports === null && error === null && <Loader aria-label="Loading reports" role="status" />}
        {reports?.length === 0 && (
          <Empty title="No reports yet">Ask for the first one with New Report.</Empty>
        )}
        {reports !== null && reports.length > 0 && (
          <ReportList
            reports={reports}
            networks={networks.is === 'loaded' ? networks.value : []}
            zone={viewersZone()}
            asked={asked}
            onChanged={add}
          />
        )}
        {reports !== null && !live && (
          <Text size="xs" c="dimmed">
            Live updates are not available right now; the list is refreshed every few seconds.
          </Text>
        )}
      </Stack>
      <Schedules networks={networks} onRetryNetworks={retry} onMade={onAsked} />
      <Syncs networks={networks} onRetryNetworks={retry} />
      <ReportAnnouncer reports={reports ?? []} />
      <NewReportModal opened={opened} onClose={close} onAsked={onAsked} networks={networks} onRetryNetworks={retry} />
    </>
  );
}

/// The section of schedules: what is kept, and a form for one more.
import { Button, Group, Modal, Paper, Stack, Text, Title } from '@mantine/core';
import { useDisclosure, useMediaQuery } from '@mantine/hooks';
import { useCallback, useState } from 'react';
import { listSchedules } from '../../api/client';
import type { Named, Report, Schedule } from '../../api/types';
import { type Loaded, useLoad } from '../../hooks/useLoad';
import { NewScheduleForm } from './NewScheduleForm';
import { ScheduleItem } from './ScheduleItem';

interface SchedulesProps {
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
  onMade: (report: Report) => void;
}

export function Schedules({ networks, onRetryNetworks, onMade }: SchedulesProps) {
  const { loaded, retry } = useLoad(listSchedules);
  // What was changed here is newer than what was loaded; null: it was deleted.
  const [changed, setChanged] = useState<ReadonlyMap<string, Schedule | null>>(new Map());
  const [opened, { open, close }] = useDisclosure();
  const narrow = useMediaQuery('(max-width: 36em)') ?? false;
  const change = useCallback((id: string, schedule: Schedule | null) => {
    setChanged((current) => new Map(current).set(id, schedule));
  }, []);
  const known = new Map<string, Schedule | null>(loaded.is === 'loaded' ? loaded.value.map((it) => [it.id, it]) : []);
  changed.forEach((schedule, id) => known.set(id, schedule));
  const schedules = [...known.values()].filter((schedule) => schedule !== null);

  return (
    <Stack component="section" aria-labelledby="schedules" mt="xl">
      <Group justify="space-between">
        <Title order={2} size="h4" id="schedules">
          Schedules
        </Title>
        <Button variant="default" onClick={open}>
          New Schedule
        </Button>
      </Group>
      {loaded.is === 'failed' && (
        <Group gap="xs">
          <Text size="sm">The schedules could not be loaded.</Text>
          <Button size="compact-sm" variant="default" onClick={retry} aria-label="Load the schedules again">
            Again
          </Button>
        </Group>
      )}
      {loaded.is === 'loaded' && schedules.length === 0 && (
        <Text size="sm" c="dimmed">
          A schedule makes a report by itself, such as each Monday of the week before.
        </Text>
      )}
      {schedules.length > 0 && (
        <Stack component="ul" gap="sm" m={0} p={0} aria-label="Schedules" style={{ listStyle: 'none' }}>
          {schedules.map((schedule) => (
            <Paper key={schedule.id} component="li" withBorder p="md">
              <ScheduleItem schedule={schedule} onChanged={(now) => change(schedule.id, now)} onMade={onMade} />
            </Paper>
          ))}
        </Stack>
      )}
      <Modal
        opened={opened}
        onClose={close}
        title="New Schedule"
        size="lg"
        fullScreen={narrow}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <NewScheduleForm
          networks={networks}
          onRetryNetworks={onRetryNetworks}
          onCancel={close}
          onSaved={(schedule) => {
            change(schedule.id, schedule);
            close();
          }}
        />
      </Modal>
    </Stack>
  );
}

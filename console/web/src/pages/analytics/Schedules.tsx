/// The section of schedules: what is kept, and a form for one more, and for changes.
import { Button, Text } from '@mantine/core';
import { useRef } from 'react';
import { listSchedules } from '../../api/client';
import type { Named, Report, Schedule } from '../../api/types';
import { FormModal } from '../../components/FormModal';
import { KeptList } from '../../components/KeptList';
import { Section } from '../../components/Section';
import { useKept } from '../../hooks/useKept';
import type { Loaded } from '../../hooks/useLoad';
import { useOpened } from '../../hooks/useOpened';
import { EditSchedule } from './EditSchedule';
import { namesOf } from './RemoteNetworksField';
import { ScheduleItem } from './ScheduleItem';

interface SchedulesProps {
  networks: Loaded<Named[]>;
  onRetryNetworks: () => void;
  onMade: (report: Report) => void;
}

const all = (schedules: Schedule[]) => schedules;

export function Schedules({ networks, onRetryNetworks, onMade }: SchedulesProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const kept = useKept(listSchedules, all);
  const names = namesOf(networks);
  // The one whose form is open; null: a new one.
  const form = useOpened<Schedule | null>(null);
  const change = (id: string, now: Schedule | null) => {
    kept.change(id, now);
    if (now === null) heading.current?.focus();
  };

  return (
    <Section
      id="schedules"
      title="Schedules"
      heading={heading}
      action={
        <Button variant="default" onClick={() => form.open(null)}>
          New Schedule
        </Button>
      }
    >
      <KeptList
        kept={kept}
        what="schedules"
        label="Schedules"
        empty={
          <Text size="sm" c="dimmed">
            A schedule makes a report by itself, such as each Monday of the week before.
          </Text>
        }
      >
        {(schedule) => (
          <ScheduleItem
            schedule={schedule}
            names={names}
            onChanged={(now) => change(schedule.id, now)}
            onChange={() => form.open(schedule)}
            onMade={onMade}
          />
        )}
      </KeptList>
      <FormModal
        opened={form.isOpen}
        onClose={form.close}
        title={form.what === null ? 'New Schedule' : 'Change schedule'}
      >
        <EditSchedule
          schedule={form.what}
          networks={networks}
          onRetryNetworks={onRetryNetworks}
          onCancel={form.close}
          onSaved={(schedule) => {
            change(schedule.id, schedule);
            form.close();
          }}
        />
      </FormModal>
    </Section>
  );
}

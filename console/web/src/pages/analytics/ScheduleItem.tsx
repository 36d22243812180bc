/// One schedule: when it makes a report, the next one, the last one and how that went.
import { Badge, Stack, Text } from '@mantine/core';
import { deleteSchedule, pauseSchedule, resumeSchedule, runSchedule } from '../../api/client';
import type { Report, Schedule } from '../../api/types';
import { Forgotten } from '../../components/Forgotten';
import { Name } from '../../components/Name';
import { pauseOrResume, type Wish, WishButtons } from '../../components/WishButtons';
import { describeFile } from '../../format/files';
import { stateLabel } from '../../format/progress';
import { formatTime } from '../../format/times';

const STATES: Record<Schedule['state'], { label: string; color: string }> = {
  active: { label: 'Active', color: 'green.6' },
  by_hand: { label: 'By hand', color: 'gray.6' },
  paused: { label: 'Paused', color: 'yellow.6' },
};

interface ScheduleItemProps {
  schedule: Schedule;
  /** As it is now; null: it was deleted. */
  onChanged: (schedule: Schedule | null) => void;
  /** A report was made by hand. */
  onMade: (report: Report) => void;
}

export function ScheduleItem({ schedule, onChanged, onMade }: ScheduleItemProps) {
  const { id, name, state, zone, last_run: last } = schedule;
  const next = schedule.next_runs[0];
  const { label, color } = STATES[state];
  const isPaused = state === 'paused';

  const wishes: Wish[] = [{ label: 'Make now', act: async () => onMade(await runSchedule(id)) }];
  if (state !== 'by_hand') {
    wishes.push(pauseOrResume(isPaused, [() => pauseSchedule(id), () => resumeSchedule(id)], onChanged));
  }
  wishes.push({
    label: 'Delete',
    act: () => deleteSchedule(id).then(() => onChanged(null)),
    ask: {
      title: 'Delete this schedule?',
      text: <Forgotten name={name}>It makes no more reports; those that it made stay.</Forgotten>,
    },
  });

  return (
    <article className="report-row kept-row" aria-label={`Schedule ${name}`}>
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Text fw={600} component="div">
          <Name value={name} />
        </Text>
        <Text size="sm">
          {schedule.when ? `${schedule.when} ${zone}, ` : ''}
          {schedule.range}
          {describeFile(schedule)}
        </Text>
      </Stack>
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Badge color={color} variant="dot" tt="none" size="lg">
          {label}
        </Badge>
        {schedule.reason && <Text size="sm">{schedule.reason}</Text>}
        {next && (
          <Text size="sm" className="number">
            Next: <time dateTime={next.due}>{formatTime(next.due, zone, 'minute')}</time>
          </Text>
        )}
        {last && (
          <Text size="sm" c="dimmed" component="div">
            Last: {last.requested_at && <time dateTime={last.requested_at}>{formatTime(last.requested_at, zone, 'minute')}</time>}{' '}
            {stateLabel(last.state)}
            {last.reason && <Name value={`: ${last.reason}`} inline />}
          </Text>
        )}
      </Stack>
      <WishButtons wishes={wishes} of={`schedule ${name}`} />
    </article>
  );
}

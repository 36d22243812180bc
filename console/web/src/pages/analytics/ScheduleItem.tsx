/// One schedule: when it makes a report, the next one, the last one and how that went.
import { Badge, Button, Group, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { deleteSchedule, pauseSchedule, resumeSchedule, runSchedule } from '../../api/client';
import { messageOf, SessionEnded } from '../../api/errors';
import type { Report, Schedule } from '../../api/types';
import { useSession } from '../../app/session';
import { Name } from '../../components/Name';
import { stateLabel } from '../../format/progress';
import { formatTime } from '../../format/times';

const STATES: Record<Schedule['state'], { label: string; color: string }> = {
  active: { label: 'Active', color: 'green.6' },
  by_hand: { label: 'By hand', color: 'gray.6' },
  paused: { label: 'Paused', color: 'yellow.6' },
};

interface Wish {
  label: string;
  act: () => Promise<void>;
}

interface ScheduleItemProps {
  schedule: Schedule;
  /** As it is now; null: it was deleted. */
  onChanged: (schedule: Schedule | null) => void;
  /** A report was made by hand. */
  onMade: (report: Report) => void;
}

export function ScheduleItem({ schedule, onChanged, onMade }: ScheduleItemProps) {
  const { ended } = useSession();
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const { id, name, state, zone, last_run: last } = schedule;
  const next = schedule.next_runs[0];
  const { label, color } = STATES[state];

  const send = async (wish: () => Promise<void>) => {
    setSending(true);
    setError(null);
    try {
      await wish();
    } catch (failure) {
      if (failure instanceof SessionEnded) ended(failure.message);
      else setError(failure);
    } finally {
      setSending(false);
    }
  };
  const wishes: Wish[] = [{ label: 'Make now', act: async () => onMade(await runSchedule(id)) }];
  if (state === 'active') wishes.push({ label: 'Pause', act: async () => onChanged(await pauseSchedule(id)) });
  if (state === 'paused') wishes.push({ label: 'Resume', act: async () => onChanged(await resumeSchedule(id)) });
  wishes.push({ label: 'Delete', act: () => deleteSchedule(id).then(() => onChanged(null)) });

  return (
    <article className="report-row" aria-label={`Schedule ${name}`}>
      <Stack gap={2} style={{ minWidth: 0 }}>
        <Text fw={600} component="div">
          <Name value={name} />
        </Text>
        <Text size="sm">
          {schedule.when ? `${schedule.when} ${zone}, ` : ''}
          {schedule.range}
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
      <Stack gap={4} align="flex-end">
        <Group gap={4} justify="flex-end">
          {wishes.map((wish) => (
            <Button
              key={wish.label}
              size="compact-sm"
              variant="default"
              disabled={sending}
              onClick={() => void send(wish.act)}
              aria-label={`${wish.label}: schedule ${name}`}
            >
              {wish.label}
            </Button>
          ))}
        </Group>
        {error !== null && (
          <Text size="sm" c="red" role="alert">
            {messageOf(error)}
          </Text>
        )}
      </Stack>
    </article>
  );
}

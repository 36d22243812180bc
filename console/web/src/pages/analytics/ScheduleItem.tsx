/// One schedule: when it makes a report, the next one, the last one and how that went.
import { Text } from '@mantine/core';
import { deleteSchedule, pauseSchedule, resumeSchedule, runSchedule } from '../../api/client';
import type { Report, Schedule } from '../../api/types';
import { KeptItem } from '../../components/KeptItem';
import { Name } from '../../components/Name';
import { deletion, pauseOrResume } from '../../components/wishes';
import { describeFile } from '../../format/files';
import { stateLabel } from '../../format/progress';
import { formatMoment, formatTime } from '../../format/times';
import { NextRuns } from './NextRuns';
import { Which } from './Which';

const STATES: Record<Schedule['state'], { label: string; color: string }> = {
  active: { label: 'Active', color: 'green.6' },
  by_hand: { label: 'By hand', color: 'gray.6' },
  paused: { label: 'Paused', color: 'yellow.6' },
};

const KIND = 'schedule';

interface ScheduleItemProps {
  schedule: Schedule;
  names: ReadonlyMap<string, string>;
  /** As it is now; null: it was deleted. */
  onChanged: (schedule: Schedule | null) => void;
  /** It is to be another. */
  onChange: () => void;
  /** A report was made by hand. */
  onMade: (report: Report) => void;
}

export function ScheduleItem({ schedule, names, onChanged, onChange, onMade }: ScheduleItemProps) {
  const { id, name, state, zone, last_run: last } = schedule;
  const [next] = schedule.next_runs;
  const lost = 'It makes no more reports; those that it made stay.';
  const isPaused = state === 'paused';

  return (
    <KeptItem
      kind={KIND}
      name={name}
      about={
        <>
          <Text size="sm">
            {schedule.when ? `${schedule.when} ${zone}, ` : ''}
            {schedule.range}
            {describeFile(schedule)}
          </Text>
          <Text size="sm" component="div">
            <Which filter={schedule} names={names} />
          </Text>
        </>
      }
      state={STATES[state]}
      standing={
        <>
          {schedule.reason && <Text size="sm">{schedule.reason}</Text>}
          {next && (
            <Text size="sm" component="details" aria-label={`Next reports of ${KIND} ${name}`}>
              <summary>
                Next: <time dateTime={next.due}>{formatMoment(next.due, zone)}</time>
              </summary>
              <NextRuns runs={schedule.next_runs} zone={zone} />
            </Text>
          )}
          {last && (
            <Text size="sm" c="dimmed" component="div">
              Last: {last.requested_at && <time dateTime={last.requested_at}>{formatTime(last.requested_at, zone, 'minute')}</time>}{' '}
              {stateLabel(last.state)}
              {last.reason && <Name value={`: ${last.reason}`} inline />}
            </Text>
          )}
        </>
      }
      wishes={[
        { label: 'Make now', act: async () => onMade(await runSchedule(id)) },
        ...(state === 'by_hand'
          ? []
          : [pauseOrResume(isPaused, [() => pauseSchedule(id), () => resumeSchedule(id)], onChanged)]),
        { label: 'Change', act: onChange },
        deletion({ kind: KIND, name }, lost, () => deleteSchedule(id), () => onChanged(null)),
      ]}
    />
  );
}

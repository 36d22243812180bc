/// What may be wanted of a report: that it ends, or is made again.
import { Button, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { cancelReport, retryReport } from '../../api/client';
import { messageOf, SessionEnded } from '../../api/errors';
import type { Report, ReportState } from '../../api/types';
import { useSession } from '../../app/session';

interface Wish {
  label: string;
  send: (id: string) => Promise<Report>;
}

const CANCEL: Wish = { label: 'Cancel', send: cancelReport };
const RETRY: Wish = { label: 'Ask again', send: retryReport };

const WISHES: Partial<Record<ReportState, Wish>> = {
  requested: CANCEL,
  waiting: CANCEL,
  running: CANCEL,
  failed: RETRY,
  cancelled: RETRY,
  expired: RETRY,
};

interface ReportWishProps {
  report: Report;
  /** As the report is called on the page. */
  range: string;
  onChanged: (report: Report) => void;
}

export function ReportWish({ report, range, onChanged }: ReportWishProps) {
  const { ended } = useSession();
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const wish = WISHES[report.state];
  if (!wish || report.cancel_requested) return null;

  const send = async () => {
    setSending(true);
    setError(null);
    try {
      onChanged(await wish.send(report.id));
    } catch (failure) {
      if (failure instanceof SessionEnded) ended(failure.message);
      else setError(failure);
    } finally {
      setSending(false);
    }
  };

  return (
    <Stack gap={4} align="flex-end">
      <Button variant="default" loading={sending} onClick={() => void send()} aria-label={`${wish.label}: report ${range}`}>
        {wish.label}
      </Button>
      {error !== null && (
        <Text size="sm" c="red" role="alert">
          {messageOf(error)}
        </Text>
      )}
    </Stack>
  );
}

import { Alert, Button, Group, Text } from '@mantine/core';
import { messageOf } from '../api/errors';

interface FailureProps {
  error: unknown;
  onRetry?: (() => void) | undefined;
}

/** What went wrong, and a way to try again. */
export function Failure({ error, onRetry }: FailureProps) {
  return (
    <Alert color="red" variant="outline" title="That did not work" role="alert">
      <Group justify="space-between" gap="md">
        <Text size="sm">{messageOf(error)}</Text>
        {onRetry && (
          <Button size="xs" variant="default" onClick={onRetry}>
            Try again
          </Button>
        )}
      </Group>
    </Alert>
  );
}

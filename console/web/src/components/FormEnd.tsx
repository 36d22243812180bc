import { Alert, Button, Group } from '@mantine/core';

interface FormEndProps {
  failure: string | null;
  busy: boolean;
  send: string;
  onCancel: () => void;
}

/** What is wrong with the whole of a form, and its buttons. */
export function FormEnd({ failure, busy, send, onCancel }: FormEndProps) {
  return (
    <>
      {failure && (
        <Alert color="red" variant="outline" role="alert">
          {failure}
        </Alert>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={onCancel}>
          Cancel
        </Button>
        <Button type="submit" loading={busy}>
          {send}
        </Button>
      </Group>
    </>
  );
}

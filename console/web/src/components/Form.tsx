import { Alert, Button, Group, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Errors, Sending } from '../hooks/useForm';

interface FormProps<K extends string> {
  label: string;
  /** What is to be known before. */
  about: ReactNode;
  sending: Sending<K>;
  /** What is wrong; empty when nothing is. */
  check: () => Errors<K>;
  act: () => Promise<void>;
  /** What its button says. */
  send: string;
  onCancel: () => void;
  children: ReactNode;
}

/** The fields of a form, what is wrong with the whole of it, and its buttons. */
export function Form<K extends string>({ label, about, sending, check, act, send, onCancel, children }: FormProps<K>) {
  const { failure, busy, submit } = sending;
  return (
    <form onSubmit={(event) => void submit(event, check(), act)} noValidate aria-label={label}>
      <Stack>
        {about && (
          <Text size="sm" c="dimmed" component="div">
            {about}
          </Text>
        )}
        {children}
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
      </Stack>
    </form>
  );
}

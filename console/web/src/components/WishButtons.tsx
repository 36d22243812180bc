/// What may be wanted of something that is kept: a button each; what cannot be taken back asks first.
import { Alert, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { messageOf } from '../api/errors';
import { useWish, type Wishes } from '../hooks/useWish';

export interface Wish {
  label: string;
  act: () => Promise<void> | void;
  /** Asked before. */
  ask?: { title: string; text: ReactNode };
}

interface WishButtonsProps {
  wishes: readonly Wish[];
  /** Of what, as in `schedule Every week`. */
  of: string;
}

export function WishButtons({ wishes, of }: WishButtonsProps) {
  const wish = useWish();
  const [asked, setAsked] = useState<Wish | null>(null);
  const { sending, error, send } = wish;
  const press = (pressed: Wish) => {
    if (sending) return;
    wish.forget();
    if (pressed.ask) setAsked(pressed);
    else void send(async () => pressed.act());
  };
  return (
    <Stack gap={4} align="flex-end" className="wishes">
      <Group gap={4} justify="flex-end">
        {wishes.map((it, index) => (
          <Button
            // By place: a button that becomes another one keeps the focus.
            key={index}
            size="compact-sm"
            variant="default"
            // Not `disabled`, which would lose the focus.
            aria-disabled={sending}
            onClick={() => press(it)}
            aria-label={`${it.label}: ${of}`}
          >
            {it.label}
          </Button>
        ))}
      </Group>
      {error !== null && asked === null && <Failed error={error} />}
      <Question wish={asked} wishes={wish} onClose={() => setAsked(null)} />
    </Stack>
  );
}

function Failed({ error }: { error: unknown }) {
  return (
    <Text size="sm" c="var(--mantine-color-error)" role="alert">
      {messageOf(error)}
    </Text>
  );
}

interface QuestionProps {
  wish: Wish | null;
  wishes: Wishes;
  onClose: () => void;
}

function Question({ wish, wishes, onClose }: QuestionProps) {
  const { sending, error, send } = wishes;
  // Closing slides: what was asked stays readable meanwhile.
  const [last, setLast] = useState(wish);
  if (wish !== null && wish !== last) setLast(wish);
  // What was done takes the focus where it belongs: the button that asked may be gone.
  const [isDone, setDone] = useState(false);
  const confirm = async () => {
    if (!wish || !(await send(async () => wish.act()))) return;
    setDone(true);
    onClose();
  };
  const cancel = () => {
    setDone(false);
    onClose();
  };
  return (
    <Modal
      opened={wish !== null}
      onClose={cancel}
      returnFocus={!isDone}
      title={last?.ask?.title}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack>
        <Text size="sm" component="div">
          {last?.ask?.text}
        </Text>
        {error !== null && (
          <Alert color="red" variant="outline" role="alert">
            {messageOf(error)}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={cancel} data-autofocus>
            Cancel
          </Button>
          <Button color="red.9" loading={sending} onClick={() => void confirm()}>
            {last?.label}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

import { Modal } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import type { ReactNode } from 'react';

interface FormModalProps {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** Whether the focus goes back to what opened it; not where another dialog follows. */
  returnFocus?: boolean;
  children: ReactNode;
}

/** A form in a dialog, anew each time it is opened. Fills a phone's screen. */
export function FormModal({ opened, onClose, title, returnFocus = true, children }: FormModalProps) {
  const narrow = useMediaQuery('(max-width: 36em)') ?? false;
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={title}
      returnFocus={returnFocus}
      size="lg"
      fullScreen={narrow}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {children}
    </Modal>
  );
}

import { Modal } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { NewReportForm, type NewReportFormProps } from './NewReportForm';

interface NewReportModalProps extends Omit<NewReportFormProps, 'onCancel'> {
  opened: boolean;
  onClose: () => void;
}

/** The form anew each time it is opened. Fills a phone's screen. */
export function NewReportModal({ opened, onClose, ...form }: NewReportModalProps) {
  const narrow = useMediaQuery('(max-width: 36em)') ?? false;
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="New Report"
      size="lg"
      fullScreen={narrow}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <NewReportForm {...form} onCancel={onClose} />
    </Modal>
  );
}

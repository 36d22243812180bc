import { FormModal } from '../../components/FormModal';
import { NewReportForm, type NewReportFormProps } from './NewReportForm';

interface NewReportModalProps extends Omit<NewReportFormProps, 'onCancel'> {
  opened: boolean;
  onClose: () => void;
}

export function NewReportModal({ opened, onClose, ...form }: NewReportModalProps) {
  return (
    <FormModal opened={opened} onClose={onClose} title="New Report">
      <NewReportForm {...form} onCancel={onClose} />
    </FormModal>
  );
}

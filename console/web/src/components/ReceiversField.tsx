import { TagsField } from './TagsField';

interface ReceiversFieldProps {
  description: string;
  /** Who it is where nobody is named. */
  none: string;
  value: string[];
  error: string | undefined;
  onChange: (receivers: string[]) => void;
}

/** Who gets mails. */
export function ReceiversField(props: ReceiversFieldProps) {
  return <TagsField label="Receivers" {...props} />;
}

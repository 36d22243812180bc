import { visibleText } from '../format/names';

interface NameProps {
  value: string | null | undefined;
  /** Line breaks become blanks, for names within a sentence. */
  inline?: boolean;
  /** On one line, cut where the room ends. */
  short?: boolean;
}

/** A name that came from outside. Its direction and line breaks stay inside it. */
export function Name({ value, inline = false, short = false }: NameProps) {
  if (!value) return <span>–</span>;
  const text = visibleText(value);
  const shape = short ? ' name-short' : inline ? ' name-inline' : '';
  return (
    <bdi className={`name${shape}`} title={short ? text : undefined}>
      {text}
    </bdi>
  );
}

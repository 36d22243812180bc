/// Several values that were entered as text.

/** Each once, also where several were entered in one go, with commas, semicolons or blanks between them. */
export function eachOnce(entered: readonly string[]): string[] {
  return [...new Set(entered.flatMap((it) => it.split(/[,;\s]+/)).filter((it) => it !== ''))];
}

/** What is wrong with those who are to get a mail, where something is. */
export function receiversError(receivers: readonly string[]): string | undefined {
  return receivers.some((it) => !it.includes('@')) ? 'Enter e-mail addresses.' : undefined;
}

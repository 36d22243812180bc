/// Names that came from outside, made safe to show.

/* Embeddings, overrides, isolates: a right-to-left name needs none of them, a forged one (`exe.txt`) does.
   And control characters but tab and line breaks, which have no shape of their own. */
const UNSEEN = /[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/** The name with a mark in the place of every character that changes how others are shown. */
export function visibleText(name: string): string {
  return name.replace(UNSEEN, '\ufffd');
}

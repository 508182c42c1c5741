/** What was typed and not yet saved, by the place where it was typed. It outlives the screen, so that a lost session loses nothing. */
const drafts = new Map<string, unknown>();

/** What is kept of that place; undefined: nothing. The place that keeps it knows its shape. */
export function keptDraft(place: string): unknown {
  return drafts.get(place);
}

/** @param draft undefined: nothing is left to keep */
export function keepDraft(place: string, draft: unknown): void {
  if (draft === undefined) drafts.delete(place);
  else drafts.set(place, draft);
}

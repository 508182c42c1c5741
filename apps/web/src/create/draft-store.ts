import { draftFromText, draftToText, emptyDraft, type Draft } from './draft.ts';

const key = 'new-vm-draft';

/** The draft that this browser keeps; an empty one where it keeps none. */
export function readDraft(): Draft {
  return draftFromText(localStorage.getItem(key));
}

export function keepDraft(draft: Draft): void {
  const text = draftToText(draft);
  if (text === draftToText(emptyDraft)) localStorage.removeItem(key);
  else localStorage.setItem(key, text);
}

export function dropDraft(): void {
  localStorage.removeItem(key);
}

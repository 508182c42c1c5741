import { sameValue } from './same-value.ts';

/** The fields of a form by name. */
export type Values = Readonly<Record<string, unknown>>;

/** A field that two people changed to different things. */
export interface Conflict {
  readonly name: string;
  /** What both began with. */
  readonly was: unknown;
  readonly theirs: unknown;
  readonly mine: unknown;
}

/** How a form that is open goes on after the VM was changed under it. */
export interface Rebased {
  /** Fields to be set in the form: they were changed by somebody, and not here. */
  readonly taken: Values;
  /** What counts from now on as what the form was opened with. */
  readonly base: Values;
  readonly conflicts: readonly Conflict[];
}

/**
 * Brings a form in line with what there is now. What was not touched here follows; what was changed to the same thing is no
 * matter; what was changed on both sides to different things is for a person to decide. Pure.
 */
export function rebase({ base, present, typed }: { base: Values; present: Values; typed: Values }): Rebased {
  const taken: Record<string, unknown> = {};
  const after: Record<string, unknown> = { ...base };
  const conflicts: Conflict[] = [];
  for (const [name, theirs] of Object.entries(present)) {
    const was = base[name];
    const mine = typed[name];
    if (sameValue(was, theirs)) continue;
    if (sameValue(mine, theirs)) after[name] = theirs;
    else if (sameValue(mine, was)) {
      taken[name] = theirs;
      after[name] = theirs;
    } else conflicts.push({ name, was, theirs, mine });
  }
  return { taken, base: after, conflicts };
}

/** What was changed here: the fields to send. Pure. */
export function changedValues(base: Values, typed: Values): Values {
  return Object.fromEntries(Object.entries(typed).filter(([name, value]) => !sameValue(base[name], value)));
}

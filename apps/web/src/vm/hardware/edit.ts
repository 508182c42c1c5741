import type { EndpointId, Vm } from '@nakhoda/schema';

import type { ChangeEffect } from './change-effect.ts';
import type { Values } from './edit-conflict.ts';
import type { EditField } from './edit-fields.ts';

/** What a dialog changes. */
export interface Edit {
  /** Names the draft of what is typed, within the VM. */
  readonly place: string;
  readonly title: string;
  /** What the dialog's order is called on its button. */
  readonly action: string;
  /** With whose body's schema the fields are checked. */
  readonly endpoint: EndpointId;
  readonly fields: readonly EditField[];
  /** What there is now, by field. */
  values(vm: Vm): Values;
  /** When a change of a field is in force; null: at once, run or no run. */
  effect(field: string): ChangeEffect | null;
  /** More that has to hold than the schema says: what is wrong, by field. */
  check?(values: Values): Readonly<Record<string, string>>;
  /** What is made anew, also when nothing was changed of what is proposed: as a field that `effect` knows. */
  readonly makes?: string;
  /** What is done besides, said at the dialog's foot. */
  readonly hint?: string;
  /** Gives the order. @throws NakhodaError */
  send(changed: Values, all: Values): Promise<unknown>;
}

/** Lists without what is blank, as they are sent. */
export function cleanValues(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((one) => String(one).trim()).filter((one) => one !== '') : value,
    ]),
  );
}

/** Those fields of a record, by name. */
export function pick(record: object, names: readonly string[]): Values {
  return Object.fromEntries(names.map((name) => [name, (record as Record<string, unknown>)[name]]));
}

import { NakhodaError } from '@nakhoda/schema';
import type { Task, TaskRecord } from '@nakhoda/schema';

import type { AnyStep, AnyTaskKind } from './task-kind.ts';

/** A task that runs or waits in this process. */
export interface LiveTask {
  /** Where the run stands; may be a moment ahead of its row. */
  readonly record: TaskRecord;
  /** What the others see: the record as it was last written, with the progress since. */
  shown: Task;
  readonly kind: AnyTaskKind;
  /** The code of `record.steps`, place by place; undefined where this version has no step of that name. */
  readonly steps: readonly (AnyStep | undefined)[];
  /** What the steps see and change; `record.data` is its last kept copy. */
  readonly state: object;
  /** Aborted by `cancel`. */
  readonly cancel: AbortController;
  log(text: string): void;
}

/** Finds the code of a record's steps by their names. Throws what the kind throws. */
export function matchSteps(kind: AnyTaskKind, record: TaskRecord): (AnyStep | undefined)[] {
  const steps = new Map(kind.steps(record.input).map((step) => [step.name, step]));
  return record.steps.map(({ name }) => steps.get(name));
}

/** Whether this version would do just the steps that the record names. */
export function hasSameSteps(kind: AnyTaskKind, record: TaskRecord): boolean {
  const names = kind.steps(record.input).map(({ name }) => name);
  return names.length === record.steps.length && names.every((name, index) => name === record.steps[index]?.name);
}

/** A kind whose steps cannot be told apart is a defect: a restart finds them by name. */
export function checkStepNames(kind: string, names: readonly string[]): void {
  if (new Set(names).size === names.length) return;
  throw new NakhodaError('internal', {
    message: `The steps of ${kind} do not all have names of their own: ${names.join(', ')}.`,
    hint: 'Report this; it is a defect of Nakhoda.',
  });
}

/** The value as JSON keeps it, sharing nothing with the original. Throws `internal` where it is not JSON. */
export function jsonCopy<T>(value: T, what: string): T {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw notJson(what, error);
  }
  if (text === undefined) throw notJson(what);
  return JSON.parse(text) as T;
}

function notJson(what: string, cause?: unknown): NakhodaError {
  return new NakhodaError('internal', { message: `${what} is not JSON.`, hint: 'Report this; it is a defect of Nakhoda.', cause });
}

/** The part of a record that the API shows; a copy. */
export function toTask(record: TaskRecord): Task {
  const { id, kind, title, state, target, user, createdAt, startedAt, endedAt, progress, steps, result, error } = record;
  return structuredClone({ id, kind, title, state, target, user, createdAt, startedAt, endedAt, progress, steps, result, error });
}

import { Type } from 'typebox';

import { Timestamp } from './names.ts';

const closed = { additionalProperties: false } as const;

export const taskStates = ['queued', 'running', 'unwinding', 'succeeded', 'failed', 'cancelled', 'stuck'] as const;
export const TaskState = Type.Enum(taskStates);
export type TaskState = (typeof taskStates)[number];

/** States that a task does not leave by itself. */
export const endedTaskStates: readonly TaskState[] = ['succeeded', 'failed', 'cancelled', 'stuck'];

export const TaskStep = Type.Object(
  {
    name: Type.String(),
    state: Type.Union([
      Type.Literal('pending'),
      Type.Literal('running'),
      Type.Literal('done'),
      Type.Literal('failed'),
      Type.Literal('undoing'),
      Type.Literal('undone'),
    ]),
    startedAt: Type.Optional(Timestamp),
    endedAt: Type.Optional(Timestamp),
  },
  closed,
);
export type TaskStep = Type.Static<typeof TaskStep>;

export const TaskError = Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }, closed);
export type TaskError = Type.Static<typeof TaskError>;

export const Task = Type.Object(
  {
    id: Type.String({ pattern: '^t[0-9a-z]+$' }),
    kind: Type.String({ description: 'for example vm.start' }),
    title: Type.String(),
    state: TaskState,
    target: Type.Union([Type.String(), Type.Null()], { description: 'what it works on, for example vm/100' }),
    user: Type.String(),
    createdAt: Timestamp,
    startedAt: Type.Union([Timestamp, Type.Null()]),
    endedAt: Type.Union([Timestamp, Type.Null()]),
    progress: Type.Number({ minimum: 0, maximum: 1 }),
    steps: Type.Array(TaskStep),
    result: Type.Unknown(),
    error: Type.Union([TaskError, Type.Null()]),
  },
  closed,
);
export type Task = Type.Static<typeof Task>;

export const TaskLogLine = Type.Object({ seq: Type.Integer(), at: Timestamp, line: Type.String() }, closed);
export type TaskLogLine = Type.Static<typeof TaskLogLine>;

/** True when nothing more will happen to the task unless somebody retries it. */
export function hasEnded(task: { state: TaskState }): boolean {
  return endedTaskStates.includes(task.state);
}

import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { Task, TaskLogLine, TaskState } from '../task.ts';

const closed = { additionalProperties: false } as const;
const TaskParams = Type.Object({ task: Type.String({ pattern: '^t[0-9a-z]{1,40}$' }) }, closed);

/** One line of a followed task: its present form, or a line of its log. */
export const TaskFollowLine = Type.Union([Type.Object({ task: Task }, closed), Type.Object({ log: TaskLogLine }, closed)]);
export type TaskFollowLine = Type.Static<typeof TaskFollowLine>;

export const taskEndpoints = {
  'task.list': endpoint({
    method: 'GET',
    path: '/tasks',
    query: Type.Object(
      {
        state: Type.Optional(TaskState),
        target: Type.Optional(Type.String({ maxLength: 64 })),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      },
      closed,
    ),
    result: Type.Array(Task),
    errors: [],
    permission: 'Sys.Audit',
    summary: 'List tasks, newest first',
    cli: { words: ['task', 'list'] },
  }),
  'task.show': endpoint({
    method: 'GET',
    path: '/tasks/:task',
    params: TaskParams,
    result: Task,
    errors: ['task.not-found'],
    permission: 'Sys.Audit',
    summary: 'Show a task with its steps',
    cli: { words: ['task', 'show'], positional: ['task'] },
  }),
  'task.follow': endpoint({
    method: 'GET',
    path: '/tasks/:task/follow',
    params: TaskParams,
    result: TaskFollowLine,
    answer: 'ndjson',
    errors: ['task.not-found'],
    permission: 'Sys.Audit',
    summary: "Stream a task's changes and log from its beginning until it ends",
  }),
  'task.cancel': endpoint({
    method: 'POST',
    path: '/tasks/:task/cancel',
    params: TaskParams,
    result: Task,
    errors: ['task.not-found', 'task.not-cancellable'],
    permission: 'Sys.Modify',
    summary: 'Cancel a task and undo what it has done',
    cli: { words: ['task', 'cancel'], positional: ['task'] },
  }),
  'task.retry': endpoint({
    method: 'POST',
    path: '/tasks/:task/retry',
    params: TaskParams,
    result: Task,
    errors: ['task.not-found', 'task.not-cancellable'],
    permission: 'Sys.Modify',
    summary: 'Try again to undo a stuck task',
    cli: { words: ['task', 'retry'], positional: ['task'] },
  }),
};

export { createTaskEngine } from './create-task-engine.ts';
export type { TaskEngine, TaskEngineLogEntry, TaskEngineOptions } from './task-engine.ts';
export type { AnyTaskKind, Step, StepContext, TaskKind } from './task-kind.ts';
export type { TaskStore } from './task-store.ts';

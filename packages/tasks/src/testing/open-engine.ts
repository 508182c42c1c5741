import type { Task } from '@nakhoda/schema';

import { createTaskEngine } from '../create-task-engine.ts';
import { createMemoryTaskStore } from '../memory-task-store.ts';
import type { TaskEngine, TaskEngineLogEntry } from '../task-engine.ts';
import type { Step, TaskKind } from '../task-kind.ts';
import type { TaskStore } from '../task-store.ts';

export interface SampleInput {
  locks?: string[];
}
/** What the steps of a sample did; by convention names such as `+disk` and `-disk`. */
export interface SampleState {
  did?: string[];
}
export type SampleStep = Step<SampleInput, SampleState>;
export type SampleKind = TaskKind<SampleInput, SampleState, string[]>;

export function sampleKind(steps: SampleStep[], change: Partial<SampleKind> = {}): SampleKind {
  return {
    kind: 'sample.run',
    title: () => 'Run a sample',
    target: ({ locks }) => locks?.[0] ?? null,
    locks: ({ locks }) => locks ?? [],
    initialState: () => ({}),
    steps: () => steps,
    result: ({ did }) => did ?? [],
    onCrash: 'unwind',
    ...change,
  };
}

/** A step that writes down that it was done and undone, in a list and in the state. */
export function tracingStep(name: string, trace: string[], change: Partial<SampleStep> = {}): SampleStep {
  return {
    name,
    do: async ({ state }) => {
      trace.push(`+${name}`);
      (state.did ??= []).push(name);
    },
    undo: async () => void trace.push(`-${name}`),
    ...change,
  };
}

/** A place in a step where the test meets it. */
export interface Gate {
  /** Resolves when the step has come here. */
  reached: Promise<void>;
  open(): void;
  /** Called by the step: waits until the gate is open, or the signal aborts it. */
  pass(signal: AbortSignal): Promise<void>;
}

export function makeGate(): Gate {
  const reached = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    open: opened.resolve,
    pass: async (signal) => {
      const aborted = Promise.withResolvers<never>();
      const abort = (): void => aborted.reject(signal.reason as Error);
      signal.addEventListener('abort', abort);
      reached.resolve();
      await Promise.race([opened.promise, aborted.promise]).finally(() => signal.removeEventListener('abort', abort));
    },
  };
}

export interface OpenEngine {
  engine: TaskEngine;
  store: TaskStore;
  changes: Task[];
  logged: TaskEngineLogEntry[];
}

/** An engine that has recovered what is in the store. */
export async function openEngine(kinds: SampleKind[], options: { store?: TaskStore; clock?: () => number } = {}): Promise<OpenEngine> {
  const store = options.store ?? createMemoryTaskStore();
  const changes: Task[] = [];
  const logged: TaskEngineLogEntry[] = [];
  const engine = createTaskEngine({
    store,
    onChange: (task) => void changes.push(task),
    log: (entry) => void logged.push(entry),
    ...(options.clock && { clock: options.clock }),
  });
  for (const kind of kinds) engine.register(kind);
  await engine.recover();
  return { engine, store, changes, logged };
}

export const user = { user: 'admin' };

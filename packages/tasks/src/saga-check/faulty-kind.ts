import type { StepContext, TaskKind } from '../task-kind.ts';

/** Runs in place of the `do` or the `undo` of the step with this number; `run` is the step's own. */
export type StepHook = (index: number, run: () => Promise<void>, signal: AbortSignal) => Promise<void>;

export interface StepHooks {
  do?: StepHook;
  undo?: StepHook;
}

/** The same kind of task with hooks around its steps. A step without undo keeps none. */
export function withHooks<I, S extends object, R>(kind: TaskKind<I, S, R>, hooks: StepHooks): TaskKind<I, S, R> {
  const straight: StepHook = (_index, run) => run();
  const { do: doHook = straight, undo: undoHook = straight } = hooks;
  // On the kind as prototype, so that it may be an object of a class.
  return Object.assign(Object.create(kind) as TaskKind<I, S, R>, {
    steps: (input: I) =>
      kind.steps(input).map((step, index) => ({
        name: step.name,
        ...(step.weight !== undefined && { weight: step.weight }),
        ...(step.cancellable !== undefined && { cancellable: step.cancellable }),
        do: (context: StepContext<I, S>) => doHook(index, () => step.do(context), context.signal),
        ...(step.undo && { undo: (context: StepContext<I, S>) => undoHook(index, async () => step.undo?.(context), context.signal) }),
      })),
  });
}

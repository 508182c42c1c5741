/** What a step works with. */
export interface StepContext<I, S> {
  readonly input: I;
  /**
   * A JSON object that steps change to hand results on. Kept after each step: what a step has put in is lost
   * when the daemon is killed before the step's end, so an undo relies on the input and on earlier steps' results.
   */
  readonly state: S;
  /** Aborts a `do` when the task is cancelled, and any step when the daemon stops. The step then throws, soon. */
  readonly signal: AbortSignal;
  /** Adds to the task's log. Text of several lines becomes several lines. */
  log(line: string): void;
  /** Share of this step that is done, 0 to 1. */
  progress(fraction: number): void;
  readonly taskId: string;
}

/**
 * One step of a saga. `do` and `undo` are idempotent: either may have run before, wholly or in part, because
 * the daemon can be killed at any moment. `undo` after a `do` that failed half-way, or never began, removes
 * whatever there is and succeeds.
 */
export interface Step<I, S> {
  /** Unique within the task; people see it. */
  readonly name: string;
  do(context: StepContext<I, S>): Promise<void>;
  /** Without it there is nothing to undo. */
  undo?(context: StepContext<I, S>): Promise<void>;
  /** Share of the progress bar in relation to the other steps; 1 when absent. */
  readonly weight?: number;
  /** False: `cancel` is refused while this step runs. */
  readonly cancellable?: boolean;
}

/** What the engine needs to know of one kind of task. Input, state and result are JSON. */
export interface TaskKind<I, S extends object, R> {
  /** For example `vm.start`. */
  readonly kind: string;
  /** One line for people. */
  title(input: I): string;
  /** What it works on, for example `vm/100`. */
  target(input: I): string | null;
  /** Names such as `vm/100`; two tasks with one in common never run at the same time. */
  locks(input: I): string[];
  initialState(input: I): S;
  /** Depends on the input alone: it is asked again after a restart. */
  steps(input: I): Step<I, S>[];
  result?(state: S): R;
  /** What happens to a task that had begun or waited when the daemon was killed: it goes on, or is undone. */
  readonly onCrash: 'resume' | 'unwind';
}

/** A kind whose types the engine does not know. */
export type AnyTaskKind = TaskKind<unknown, object, unknown>;
export type AnyStep = Step<unknown, object>;

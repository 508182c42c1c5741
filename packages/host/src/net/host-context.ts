/** What the functions of this package get from their caller; a driver's context is one. */
export interface HostContext {
  readonly signal: AbortSignal;
  /** One line for the task's log. */
  log(line: string): void;
}

/** What every set-up step gets. */
export interface SetupContext {
  readonly env: NodeJS.ProcessEnv;
  /** Absolute path of the checkout. */
  readonly checkout: string;
  /** Tells the person what goes on; one line, to standard error. */
  readonly say: (line: string) => void;
}

/** One part of the set-up; running a step whose result is already there changes nothing. */
export interface SetupStep {
  readonly name: 'packages' | 'page' | 'virtualbox' | 'guest' | 'qemu10';
  /** What the step is for, for the person who waits. */
  readonly title: string;
  /** What is there, in a few words, or null when `run` has something to do. Quick, and only looks. */
  ready(context: SetupContext): Promise<string | null>;
  /**
   * Brings about what `ready` looks for, and returns the same few words.
   * @throws NakhodaError `setup.failed`; nothing half-made counts as there afterwards.
   */
  run(context: SetupContext): Promise<string>;
}

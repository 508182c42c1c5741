import type { DriverContext } from '../driver.ts';

export interface TestDriverContext extends DriverContext {
  /** Every line given to `log`, oldest first. */
  readonly lines: string[];
  /** Every share given to `progress`, oldest first. */
  readonly fractions: number[];
  /** Cancels whatever was called with this context. */
  abort(reason?: Error): void;
}

/** A context for a call in a test: keeps what it is told, and can be aborted. */
export function testContext(): TestDriverContext {
  const controller = new AbortController();
  const lines: string[] = [];
  const fractions: number[] = [];
  return {
    signal: controller.signal,
    lines,
    fractions,
    log: (line) => void lines.push(line),
    progress: (fraction) => void fractions.push(fraction),
    abort: (reason) => controller.abort(reason),
  };
}

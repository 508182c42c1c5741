import type { Task, TaskLogLine } from '@nakhoda/schema';

import { printable } from './text.ts';

/** Tells a person how a task goes. Everything goes to standard error: standard output is the result's. */
export interface Progress {
  task(task: Task): void;
  log(line: TaskLogLine): void;
  /** Takes away what is only of use while the task runs. */
  end(): void;
}

/** `none`: says nothing. `steps`: one line that changes, or a line a step where there is no terminal. `log`: also the task's log. */
export function createProgress(kind: 'none' | 'steps' | 'log', out: NodeJS.WriteStream = process.stderr): Progress {
  if (kind === 'none') return { task: () => undefined, log: () => undefined, end: () => undefined };
  const isLive = out.isTTY;
  let shown = '';
  let lastStep = '';
  const clear = () => {
    if (isLive && shown !== '') out.write('\r\x1B[2K');
    shown = '';
  };
  const show = (line: string) => {
    const cut = Array.from(line)
      .slice(0, Math.max(20, (out.columns || 80) - 1))
      .join('');
    if (cut === shown) return;
    out.write(`\r\x1B[2K${cut}`);
    shown = cut;
  };
  return {
    task(task) {
      const step = task.steps.find(({ state }) => state === 'running' || state === 'undoing');
      const what = printable(step === undefined ? task.state : `${step.state === 'undoing' ? 'undo: ' : ''}${step.name}`);
      if (isLive) show(`${printable(task.title)}: ${what} (${Math.round(task.progress * 100)} %)`);
      else if (step !== undefined && what !== lastStep) out.write(`${printable(task.title)}: ${what}\n`);
      lastStep = what;
    },
    log({ line }) {
      if (kind !== 'log') return;
      const before = shown;
      clear();
      out.write(`${printable(line)}\n`);
      if (isLive && before !== '') show(before);
    },
    end: clear,
  };
}

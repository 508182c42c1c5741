import { useLingui } from '@lingui/react/macro';
import type { Task } from '@nakhoda/schema';

import './task-state.css';

/** A task's state as a sign, a word, and while it works how far it is. */
export function TaskState({ task }: { task: Task }) {
  const { t, i18n } = useLingui();
  const words: Record<Task['state'], string> = {
    queued: t`queued`,
    running: t`running`,
    unwinding: t`undoing`,
    succeeded: t`done`,
    failed: t`failed`,
    cancelled: t`cancelled`,
    stuck: t`stuck`,
  };
  const signs: Record<Task['state'], string> = {
    queued: '…',
    running: '▸',
    unwinding: '↶',
    succeeded: '✓',
    failed: '✗',
    cancelled: '⊘',
    stuck: '!',
  };
  return (
    <span className={`nk-task-state nk-task-state--${task.state}`}>
      <span aria-hidden="true">{signs[task.state]}</span> {words[task.state]}
      {task.state === 'running' && ` ${i18n.number(task.progress, { style: 'percent' })}`}
    </span>
  );
}

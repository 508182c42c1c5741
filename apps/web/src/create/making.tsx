import { useLingui } from '@lingui/react/macro';
import { Alert, Button } from '@patternfly/react-core';
import { useEffect } from 'react';

import { useTasks } from '../data/resources.ts';
import { TaskDetails } from '../parts/task-details.tsx';

export interface MakingProps {
  readonly taskId: string;
  /** Called once with the vmid when the VM is made. */
  onMade(vmid: string): void;
  onBack(): void;
}

/** The making of a VM, step by step in place of the form. When it fails the form comes back with all that was typed. */
export function Making({ taskId, onMade, onBack }: MakingProps) {
  const { t } = useLingui();
  const task = useTasks().find(({ id }) => id === taskId);
  const made = task?.state === 'succeeded' ? (task.target?.replace('vm/', '') ?? null) : null;
  useEffect(() => {
    if (made !== null) onMade(made);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each VM, whatever the parent's function is by then
  }, [made]);
  const ended = task !== undefined && task.endedAt !== null && made === null;
  return (
    <>
      {ended && (
        <Alert
          variant="warning"
          isInline
          component="h2"
          title={t`It was not made, and nothing half-made stays`}
          actionLinks={<Button onClick={onBack}>{t`Back to the draft`}</Button>}
        />
      )}
      <TaskDetails id={taskId} />
    </>
  );
}

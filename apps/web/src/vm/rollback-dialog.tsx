import { useLingui } from '@lingui/react/macro';
import type { Snapshot, Task, Vm } from '@nakhoda/schema';
import { Checkbox } from '@patternfly/react-core';
import { useState } from 'react';

import { time } from '../data/format.ts';
import { api } from '../data/session.ts';
import { waitForTask } from '../data/wait-for-task.ts';
import { Confirm } from '../parts/confirm.tsx';

interface RollbackProps {
  readonly vm: Vm;
  readonly snapshot: Snapshot;
  readonly taken: readonly Snapshot[];
  onClose(): void;
}

/** Rolling back: what will be lost is said first, and a snapshot of the present can be taken before. */
export function RollbackDialog({ vm, snapshot, taken, onClose }: RollbackProps) {
  const { t } = useLingui();
  const [safety, setSafety] = useState(true);
  const params = { vm: String(vm.vmid) };
  const runs = vm.state === 'running' || vm.state === 'paused';
  const rollBack = async () => {
    if (safety) {
      const name = safetyName(snapshot.name, taken);
      const task: Task = await api.call('snapshot.take', {
        params,
        body: { name, memory: runs, description: t`Before rolling back to ${snapshot.name}` },
      });
      // Going back without the way forth that was asked for would lose what it was to keep.
      await waitForTask(task.id);
    }
    return api.call('snapshot.rollback', { params: { ...params, name: snapshot.name } });
  };
  return (
    <Confirm title={t`Roll back ${vm.name} to ${snapshot.name}`} action={t`Roll back`} danger onConfirm={rollBack} onClose={onClose}>
      <ul className="nk-plain-list">
        <li>{t`Everything on its disks goes back to ${time(snapshot.createdAt)}.`}</li>
        <li>
          {snapshot.memory
            ? t`Its memory goes back, too: the guest goes on in the middle of what it did then.`
            : t`Its memory was not kept: afterwards the VM is stopped, as after a loss of power.`}
        </li>
        {snapshot.changes !== undefined && snapshot.changes.length > 0 && (
          <li>{t`Its hardware goes back as well: ${snapshot.changes.join(', ')}.`}</li>
        )}
      </ul>
      <Checkbox
        id="safety"
        label={t`Take a snapshot of the present first`}
        description={t`So that there is a way back from the rollback.`}
        isChecked={safety}
        onChange={(_event, checked) => setSafety(checked)}
      />
    </Confirm>
  );
}

function safetyName(target: string, taken: readonly Snapshot[]): string {
  const names = new Set(taken.map(({ name }) => name));
  for (let count = 1; ; count += 1) {
    const name = `before-${target}`.slice(0, 35) + (count === 1 ? '' : `-${count}`);
    if (!names.has(name)) return name;
  }
}

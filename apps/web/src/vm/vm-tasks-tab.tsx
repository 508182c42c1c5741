import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Link } from '@tanstack/react-router';

import { time } from '../data/format.ts';
import { useTasks } from '../data/resources.ts';
import { TaskState } from '../parts/task-state.tsx';

/** What was done to a VM, the youngest first. */
export function VmTasksTab({ vm }: { vm: Vm }) {
  const { t } = useLingui();
  const tasks = useTasks().filter(({ target }) => target === `vm/${vm.vmid}`);
  if (tasks.length === 0) return <p className="nk-subtle">{t`Nothing has been done to this VM lately.`}</p>;
  return (
    <ul className="nk-plain-list">
      {tasks.map((task) => (
        <li key={task.id}>
          <TaskState task={task} />{' '}
          <Link to="/tasks" search={{ task: task.id }} className="nk-isolate">
            {task.title}
          </Link>{' '}
          <span className="nk-subtle">
            {task.user}, {time(task.createdAt)}
          </span>
          {task.error !== null && <p className="nk-isolate">{task.error.message}</p>}
        </li>
      ))}
    </ul>
  );
}

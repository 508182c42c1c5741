import { useLingui } from '@lingui/react/macro';
import type { Task } from '@nakhoda/schema';
import { Button } from '@patternfly/react-core';
import { Link } from '@tanstack/react-router';

import { time } from '../data/format.ts';
import { keptSetting } from '../data/kept-setting.ts';
import { useObservable } from '../data/observable.ts';
import { useTasks } from '../data/resources.ts';
import { TaskState } from '../parts/task-state.tsx';
import './task-strip.css';

const strip = keptSetting('task-strip', ['open', 'closed'], 'open');
const shownTasks = 20;

/** The tasks of everybody, the youngest first, at the bottom of every screen, as in Proxmox VE. */
export function TaskStrip() {
  const { t } = useLingui();
  const open = useObservable(strip) === 'open';
  const tasks = useTasks();
  const working = tasks.filter(({ endedAt }) => endedAt === null).length;
  const failed = tasks[0]?.state === 'failed' || tasks[0]?.state === 'stuck' ? tasks[0] : null;
  return (
    <section className="nk-tasks" aria-label={t`Recent tasks`}>
      <header>
        <Button variant="plain" size="sm" aria-expanded={open} onClick={() => strip.set(open ? 'closed' : 'open')}>
          {open ? '▾' : '▴'} {t`Tasks`}
        </Button>
        <span role="status">{working > 0 ? t`${working} at work` : t`none at work`}</span>
        {!open && failed !== null && <TaskLine task={failed} />}
        <Link to="/tasks" search={{}}>{t`All tasks`}</Link>
      </header>
      {open && (
        <div className="nk-tasks__rows" tabIndex={0} role="region" aria-label={t`Recent tasks`}>
          {tasks.length === 0 && <p className="nk-subtle">{t`Nothing has been done yet. Every order that takes time shows here.`}</p>}
          {tasks.slice(0, shownTasks).map((task) => (
            <TaskLine key={task.id} task={task} />
          ))}
        </div>
      )}
    </section>
  );
}

function TaskLine({ task }: { task: Task }) {
  return (
    <Link to="/tasks" search={{ task: task.id }} className="nk-tasks__line">
      <TaskState task={task} />
      <span className="nk-tasks__title nk-isolate">{task.title}</span>
      <span className="nk-tasks__error nk-isolate">{task.error?.message ?? ''}</span>
      <span className="nk-subtle">{task.user}</span>
      <time className="nk-subtle" dateTime={task.createdAt}>
        {time(task.createdAt)}
      </time>
    </Link>
  );
}

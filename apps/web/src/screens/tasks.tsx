import { useLingui } from '@lingui/react/macro';
import type { Task } from '@nakhoda/schema';
import { Button, FormSelect, FormSelectOption } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { getRouteApi } from '@tanstack/react-router';

import { time } from '../data/format.ts';
import { useTasks } from '../data/resources.ts';
import { TaskDetails } from '../parts/task-details.tsx';
import { TaskState } from '../parts/task-state.tsx';
import { useTitle } from '../parts/use-title.ts';

const route = getRouteApi('/tasks');

/** Every task that took time, with its steps and log when one is chosen. */
export function TasksScreen() {
  const { t } = useLingui();
  useTitle(t`Tasks`);
  const { task: chosen, state } = route.useSearch();
  const navigate = route.useNavigate();
  const all = useTasks();
  const tasks = all.filter((task) => state === undefined || groupOf(task) === state);
  return (
    <div className="nk-screen">
      <div className="nk-screen__head">
        <h1>{t`Tasks`}</h1>
        <div className="nk-screen__actions">
          <FormSelect
            aria-label={t`Which tasks`}
            value={state ?? ''}
            onChange={(_event, value) => void navigate({ search: (before) => ({ ...before, state: value === '' ? undefined : value }) })}
          >
            <FormSelectOption value="" label={t`All`} />
            <FormSelectOption value="working" label={t`At work`} />
            <FormSelectOption value="failed" label={t`Failed or stuck`} />
          </FormSelect>
        </div>
      </div>
      {chosen !== undefined && (
        <TaskDetails key={chosen} id={chosen} onClose={() => void navigate({ search: (before) => ({ ...before, task: undefined }) })} />
      )}
      <Table variant="compact" aria-label={t`Tasks`}>
        <Thead>
          <Tr>
            <Th>{t`State`}</Th>
            <Th>{t`Task`}</Th>
            <Th>{t`What went wrong`}</Th>
            <Th>{t`By`}</Th>
            <Th>{t`Begun`}</Th>
          </Tr>
        </Thead>
        <Tbody>
          {tasks.map((task) => (
            <Tr key={task.id} isRowSelected={task.id === chosen}>
              <Td dataLabel={t`State`}>
                <TaskState task={task} />
              </Td>
              <Td dataLabel={t`Task`}>
                <Button variant="link" isInline onClick={() => void navigate({ search: (before) => ({ ...before, task: task.id }) })}>
                  <span className="nk-isolate">{task.title}</span>
                </Button>
              </Td>
              <Td dataLabel={t`What went wrong`} className="nk-isolate">
                {task.error?.message ?? ''}
              </Td>
              <Td dataLabel={t`By`}>{task.user}</Td>
              <Td dataLabel={t`Begun`}>{time(task.createdAt)}</Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
      {tasks.length === 0 && <p className="nk-subtle">{t`No task is like that.`}</p>}
    </div>
  );
}

function groupOf(task: Task): string {
  if (task.endedAt === null) return 'working';
  return task.state === 'failed' || task.state === 'stuck' ? 'failed' : 'ended';
}

import { useLingui } from '@lingui/react/macro';
import type { Task, TaskLogLine, TaskStep } from '@nakhoda/schema';
import { Alert, Button, Card, CardBody, CardHeader, CardTitle, Spinner } from '@patternfly/react-core';
import { useEffect, useState } from 'react';

import { tellError } from '../data/actions.ts';
import { api } from '../data/session.ts';
import { Failure } from './failure.tsx';
import { TaskState } from './task-state.tsx';
import './task-details.css';

/** More lines than this are not drawn: the whole log is in the daemon's. */
const keptLines = 2000;

/** One task: its steps, its log as it grows, and what can be done about it. */
export function TaskDetails({ id, onClose }: { id: string; onClose?: () => void }) {
  const { t } = useLingui();
  const [task, setTask] = useState<Task | null>(null);
  const [log, setLog] = useState<readonly TaskLogLine[]>([]);
  const [failure, setFailure] = useState<unknown>(null);

  useEffect(() => {
    const leaving = new AbortController();
    const follow = async () => {
      for await (const line of api.followTask(id, leaving.signal)) {
        if ('task' in line) setTask(line.task);
        else setLog((before) => [...before.slice(-keptLines), line.log]);
      }
    };
    follow().catch((thrown: unknown) => {
      if (!leaving.signal.aborted) setFailure(thrown);
    });
    return () => leaving.abort(new Error('left'));
  }, [id]);

  const order = (endpoint: 'task.cancel' | 'task.retry', title: string) =>
    void api.call(endpoint, { params: { task: id } }).then(setTask, (thrown: unknown) => tellError(thrown, title));
  const ended = task !== null && task.endedAt !== null;

  return (
    <Card>
      <CardHeader
        actions={{
          actions: (
            <>
              {task !== null && !ended && (
                <Button variant="secondary" onClick={() => order('task.cancel', t`Cancel`)}>{t`Cancel and undo`}</Button>
              )}
              {task?.state === 'stuck' && <Button onClick={() => order('task.retry', t`Try again`)}>{t`Try again`}</Button>}
              {onClose !== undefined && (
                <Button variant="plain" onClick={onClose} aria-label={t`Close the task`}>
                  ✕
                </Button>
              )}
            </>
          ),
        }}
      >
        <CardTitle component="h2">
          <span className="nk-isolate">{task?.title ?? id}</span>
        </CardTitle>
      </CardHeader>
      <CardBody>
        {failure !== null && <Failure thrown={failure} />}
        {task === null && failure === null && <Spinner aria-label={t`Reading the task`} />}
        {task !== null && (
          <>
            <p>
              <TaskState task={task} /> <code>{task.id}</code>
            </p>
            {task.error !== null && (
              <Alert variant="danger" isInline title={<span className="nk-isolate">{task.error.message}</span>}>
                <p className="nk-isolate">{task.error.hint}</p>
                <code>{task.error.code}</code>
              </Alert>
            )}
            <ol className="nk-steps">
              {task.steps.map((step) => (
                <Step key={step.name} step={step} />
              ))}
            </ol>
          </>
        )}
        {log.length > 0 && (
          <pre className="nk-log" tabIndex={0} aria-label={t`Log of the task`}>
            {log.map(({ line }) => line).join('\n')}
          </pre>
        )}
      </CardBody>
    </Card>
  );
}

function Step({ step }: { step: TaskStep }) {
  const { t } = useLingui();
  const words: Record<TaskStep['state'], string> = {
    pending: t`to come`,
    running: t`running`,
    done: t`done`,
    failed: t`failed`,
    undoing: t`being undone`,
    undone: t`undone`,
  };
  return (
    <li className={`nk-step nk-step--${step.state}`}>
      {step.name} <span className="nk-subtle">{words[step.state]}</span>
    </li>
  );
}

import { useLingui } from '@lingui/react/macro';
import { Alert, Card, CardBody, CardTitle, Gallery, Label, Spinner } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { FirstRun } from '../create/first-run.tsx';
import { mebibytes } from '../data/format.ts';
import { findProblems, type Problem } from '../data/problems.ts';
import { hostCheckQuery, useHypervisors, useNetworks, useTasks, useVms } from '../data/resources.ts';
import { Failure } from '../parts/failure.tsx';
import { HypervisorBadge, hypervisorTitles } from '../parts/vm-mark.tsx';
import { useTitle } from '../parts/use-title.ts';

/** What a person wants to know first: is anything wrong, and what runs where. */
export function Overview() {
  const { t } = useLingui();
  useTitle(t`Overview`);
  const vms = useVms();
  const networks = useNetworks();
  const hypervisors = useHypervisors();
  const tasks = useTasks();
  const check = useQuery(hostCheckQuery);
  const problems = findProblems({ vms, networks, hypervisors, tasks, facts: check.data?.facts ?? [] });
  return (
    <div className="nk-screen">
      <div className="nk-screen__head">
        <h1>{t`Overview`}</h1>
        <span className="nk-subtle nk-isolate">{check.data?.hostname ?? ''}</span>
      </div>
      <FirstRun />
      {problems.length === 0 && check.data === undefined && check.error === null && <Spinner aria-label={t`Looking at the host`} />}
      {check.error !== null && <Failure thrown={check.error} onRetry={() => void check.refetch()} />}
      {problems.length === 0 && check.data !== undefined ? (
        <Alert variant="success" isInline title={t`No open problems`} component="h2" />
      ) : (
        problems.map((problem) => <ProblemAlert key={problem.id} problem={problem} />)
      )}
      <Gallery hasGutter minWidths={{ default: '280px' }}>
        {hypervisors.map((one) => {
          const own = vms.filter(({ hypervisor }) => hypervisor === one.id);
          const running = own.filter(({ state }) => state === 'running');
          const memory = running.reduce((sum, { memoryMiB }) => sum + memoryMiB, 0);
          return (
            <Card key={one.id}>
              <CardTitle component="h2">
                <HypervisorBadge id={one.id} /> {hypervisorTitles[one.id]} <span className="nk-subtle">{one.version ?? ''}</span>
              </CardTitle>
              <CardBody>
                <p>
                  {one.usable ? <Label color="green">{t`usable`}</Label> : <Label color="red">{t`not usable`}</Label>}{' '}
                  {one.execution !== null && <Label title={one.execution.reason}>{one.execution.mode}</Label>}
                </p>
                <p className="nk-live">
                  <Link to="/vms" search={{ q: `hv:${one.id} state:running` }}>{t`${running.length} of ${own.length} VMs run`}</Link>
                  {running.length > 0 && t`, with ${mebibytes(memory)} of memory`}
                </p>
                {one.execution !== null && <p className="nk-subtle nk-isolate">{one.execution.reason}</p>}
              </CardBody>
            </Card>
          );
        })}
      </Gallery>
    </div>
  );
}

function ProblemAlert({ problem }: { problem: Problem }) {
  const { t } = useLingui();
  const titles: Record<Problem['kind'], string> = {
    'task-stuck': t`Stuck, and could not be undone: ${problem.subject}`,
    'vm-crashed': t`Crashed: ${problem.subject}`,
    'vm-changed': t`Changed with the hypervisor's own tools: ${problem.subject}`,
    'hypervisor': t`Not usable: ${problem.subject}`,
    'network': t`Network not whole: ${problem.subject}`,
    'host': t`Missing on this host: ${problem.subject}`,
  };
  return (
    <Alert variant={problem.severity} isInline title={titles[problem.kind]} component="h2">
      <p className="nk-isolate">{problem.evidence}</p>
      {problem.remedy !== null && <p className="nk-isolate">{problem.remedy}</p>}
      {problem.vmid !== undefined && <Link to="/vms/$vmid" params={{ vmid: String(problem.vmid) }} search={{}}>{t`To the VM`}</Link>}
      {problem.taskId !== undefined && <Link to="/tasks" search={{ task: problem.taskId }}>{t`To the task`}</Link>}
    </Alert>
  );
}

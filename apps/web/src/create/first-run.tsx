import { useLingui } from '@lingui/react/macro';
import { Alert, Button, Card, CardBody, CardTitle, Label, Spinner } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';

import { hostCheckQuery, useVms, vmsQuery } from '../data/resources.ts';
import { Failure } from '../parts/failure.tsx';
import { CreateVmLink } from './create-vm-link.tsx';
import { firstChecks, type FirstCheck } from './first-checks.ts';
import { storageQuery } from './storage-query.ts';
import { useTour } from './use-tour.ts';
import './create.css';

/** On the overview: five checks of the host and the way to a first VM while there is none; later, that a tour waits to be taken up. */
export function FirstRun() {
  const { t } = useLingui();
  const known = useQuery(vmsQuery).isSuccess;
  const vms = useVms();
  const { begun } = useTour();
  if (!known) return null;
  if (vms.length === 0) return <FirstChecks />;
  if (!begun) return null;
  return (
    <Alert variant="info" isInline title={t`The tour is not finished`} component="h2">
      <Link to="/tour">{t`Go on with it`}</Link>
    </Alert>
  );
}

function FirstChecks() {
  const { t } = useLingui();
  const navigate = useNavigate();
  const { begun } = useTour();
  const check = useQuery(hostCheckQuery);
  const storage = useQuery(storageQuery);
  // The overview itself tells what is wrong with the check of the host.
  const { error } = storage;
  const failed = check.error !== null || error !== null;
  return (
    <Card>
      <CardTitle component="h2">{t`There is no VM yet: is this host ready for one?`}</CardTitle>
      <CardBody>
        {error !== null && <Failure thrown={error} onRetry={() => void storage.refetch()} />}
        {(check.data === undefined || storage.data === undefined) && !failed && <Spinner aria-label={t`Looking at the host`} />}
        {check.data !== undefined && storage.data !== undefined && (
          <div className="nk-first__checks" role="list" aria-label={t`Five checks of the host`}>
            {firstChecks(check.data.facts, storage.data).map((one) => (
              <Check key={one.id} check={one} />
            ))}
          </div>
        )}
        <div className="nk-first__actions">
          <Button onClick={() => void navigate({ to: '/tour' })}>{begun ? t`Go on with the tour` : t`Take the tour`}</Button>
          <CreateVmLink />
          <span className="nk-subtle">{t`The tour makes one tiny VM on each hypervisor, on one network, and starts them.`}</span>
        </div>
      </CardBody>
    </Card>
  );
}

const colours = { good: 'green', limited: 'orange', missing: 'red', information: 'grey', unknown: 'grey' } as const;

function Check({ check }: { check: FirstCheck }) {
  const { t } = useLingui();
  const titles: Record<FirstCheck['id'], string> = {
    qemu: 'KVM/QEMU',
    virtualbox: 'VirtualBox',
    virtualization: t`Hardware virtualization`,
    network: t`Networks for guests`,
    disk: t`Free disk space`,
  };
  const words: Record<FirstCheck['status'], string> = {
    good: t`good`,
    limited: t`limited`,
    missing: t`missing`,
    information: t`for information`,
    unknown: t`not used`,
  };
  return (
    <div className="nk-first__check" role="listitem">
      <strong>{titles[check.id]}</strong>
      <span>
        <Label color={colours[check.status]}>{words[check.status]}</Label>
      </span>
      <span className="nk-isolate">
        {check.status === 'unknown' ? t`This daemon was started without it.` : `${check.found} `}
        {check.status !== 'good' && <span className="nk-subtle">{check.reason}</span>}
        {check.remedy !== null && <span> {t`What to do: ${check.remedy}`}</span>}
      </span>
    </div>
  );
}

import { useLingui } from '@lingui/react/macro';
import type { Task } from '@nakhoda/schema';
import { toNakhodaError } from '@nakhoda/schema/errors';
import { Alert, Button, Card, CardBody, CardTitle, Label, Spinner } from '@patternfly/react-core';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { useNetworks } from '../data/resources.ts';
import { api } from '../data/session.ts';
import { Failure } from '../parts/failure.tsx';
import { TaskDetails } from '../parts/task-details.tsx';
import { TaskState } from '../parts/task-state.tsx';
import { useTitle } from '../parts/use-title.ts';
import { HypervisorBadge, StateMark, hypervisorTitles } from '../parts/vm-mark.tsx';
import { freeCidr } from './free-cidr.ts';
import { tourNetwork, tourTag, tourVmName, type TourStep } from './tour.ts';
import { endTour, giveTourStep, useTour } from './use-tour.ts';
import './create.css';

/** Ranges that are tried before the tour gives up: the host may use some that are no networks of Nakhoda's. */
const rangesTried = 8;

/** A tour of real orders: a network, and a tiny VM on each hypervisor. It can be left at any point and taken up again. */
export function TourScreen() {
  const { t } = useLingui();
  useTitle(t`Tour`);
  const { steps } = useTour();
  const navigate = useNavigate();
  const finished = steps.length > 1 && steps.every(({ state }) => state === 'done');
  const leave = () => {
    endTour();
    void navigate({ to: '/vms', search: { q: `tag:${tourTag}` } });
  };
  return (
    <div className="nk-screen">
      <div className="nk-screen__head">
        <h1>{t`Tour`}</h1>
        <div className="nk-screen__actions">{!finished && <Button variant="link" onClick={leave}>{t`End the tour`}</Button>}</div>
      </div>
      <p>{t`Each step is a real order, given when you press its button. You can leave at any time and come back: what was made stays.`}</p>
      <ol className="nk-tour">
        {steps.map((step, index) => (
          <li key={step.id}>
            <Step step={step} number={index + 1} />
          </li>
        ))}
      </ol>
      {steps.length === 1 && (
        <Alert variant="warning" isInline component="h2" title={t`No hypervisor is usable on this host`}>
          <Link to="/host">{t`See what is missing`}</Link>
        </Alert>
      )}
      {finished && (
        <Alert variant="success" isInline component="h2" title={t`Every hypervisor of this host runs a VM, on one network`}>
          <p>{t`Look at a VM: its screen, its snapshots. All of it can be destroyed again.`}</p>
          <Button onClick={leave}>{t`To the VMs of the tour`}</Button>
        </Alert>
      )}
    </div>
  );
}

function Step({ step, number }: { step: TourStep; number: number }) {
  const { t } = useLingui();
  const networks = useNetworks();
  const [failure, setFailure] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [given, setGiven] = useState<string | null>(null);
  const { what, state, task, vm } = step;
  const title = what.kind === 'network' ? t`A network for all of them` : t`A tiny VM on ${hypervisorTitles[what.hypervisor]}`;
  const words: Record<TourStep['state'], string> = {
    open: t`to come`,
    waiting: t`waits for the network`,
    working: t`at work`,
    done: t`done`,
    failed: t`failed`,
  };
  const colours = { open: 'grey', waiting: 'grey', working: 'blue', done: 'green', failed: 'red' } as const;
  const order = async (): Promise<Task> => {
    if (what.kind === 'network') return makeNetwork(networks);
    if (vm !== null) return api.call('vm.start', { params: { vm: String(vm.vmid) } });
    const name = tourVmName(what.hypervisor);
    const body = {
      name,
      hypervisor: what.hypervisor,
      cdrom: 'tiny' as const,
      network: tourNetwork,
      memoryMiB: 128,
      diskGiB: 1,
      start: true,
    };
    return api.call('vm.create', { body: { ...body, tags: [tourTag] } });
  };
  const give = () => {
    setFailure(null);
    setBusy(true);
    order()
      .then(({ id }) => {
        giveTourStep(step.id, id);
        setGiven(id);
      }, setFailure)
      .finally(() => setBusy(false));
  };
  // Given, but the event stream has not told of its task yet.
  const underWay = given !== null && task === null;
  const due = (state === 'open' || state === 'failed') && !underWay;
  const told = underWay ? given : state === 'working' || state === 'failed' ? (task?.id ?? null) : null;
  return (
    <Card>
      <CardTitle component="h2">
        {number}. {what.kind === 'vm' && <HypervisorBadge id={what.hypervisor} />} {title}{' '}
        <Label color={colours[state]}>{words[state]}</Label>
      </CardTitle>
      <CardBody>
        <p className="nk-subtle">
          {what.kind === 'network'
            ? t`A bridge called nk-tour, with DHCP: guests of both hypervisors get addresses and reach each other.`
            : t`The tiny guest, with 128 MiB of memory and a disk of 1 GiB, on the network; it is started at once.`}
        </p>
        {vm !== null && (
          <p>
            <StateMark state={vm.state} withName />{' '}
            <Link to="/vms/$vmid" params={{ vmid: String(vm.vmid) }} search={{}}>
              {vm.vmid} {vm.name}
            </Link>{' '}
            {vm.addresses.join(', ')}
          </p>
        )}
        {failure !== null && <Failure thrown={failure} />}
        {due && (
          <Button isDisabled={busy} isLoading={busy} onClick={give}>
            {what.kind === 'network' ? t`Make the network` : vm === null ? t`Make and start it` : t`Start it`}
          </Button>
        )}
        {state === 'working' && <Spinner size="md" aria-label={t`at work`} />}
        {told !== null && <TaskDetails id={told} />}
        {told === null && task !== null && (
          <p>
            <TaskState task={task} /> <Link to="/tasks" search={{ task: task.id }}>{t`See how it went`}</Link>
          </p>
        )}
      </CardBody>
    </Card>
  );
}

async function makeNetwork(networks: readonly { readonly cidr: string }[]): Promise<Task> {
  for (let skip = 0; ; skip += 1) {
    try {
      // eslint-disable-next-line no-await-in-loop -- the next range is tried only after the one before was refused
      return await api.call('network.create', { body: { name: tourNetwork, cidr: freeCidr(networks, skip), dhcp: true } });
    } catch (thrown) {
      if (toNakhodaError(thrown).code !== 'network.cidr-overlap' || skip >= rangesTried) throw thrown;
    }
  }
}

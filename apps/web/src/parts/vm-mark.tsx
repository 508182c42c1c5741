import { useLingui } from '@lingui/react/macro';
import type { HypervisorId, VmState } from '@nakhoda/schema';

import './vm-mark.css';

/** Shapes of the states: what colour tells, form tells too. */
const shapes: Readonly<Record<VmState, string>> = {
  running: 'M4 2.500 13.500 8 4 13.500Z',
  starting: 'M4 2.500 13.500 8 4 13.500Z',
  paused: 'M3.500 3h3v10h-3zM9.500 3h3v10h-3z',
  stopped: 'M3.500 3.500h9v9h-9z',
  stopping: 'M3.500 3.500h9v9h-9z',
  crashed: 'M8 1.500 15 14H1Zm-.8 4.300v4h1.600v-4zm0 5v1.600h1.600v-1.600z',
  unknown:
    'M8 1.500a6.500 6.500 0 1 0 .01 0ZM7.200 11h1.600v1.600H7.200zm0-1.200c0-2.200 2-2.200 2-3.500 0-1.500-2.400-1.500-2.400 0H5.300c0-3.300 5.400-3.300 5.400 0 0 2-1.900 2-1.900 3.500z',
};

/** What a state is called. */
export function useStateName(): (state: VmState) => string {
  const { t } = useLingui();
  const names: Record<VmState, string> = {
    running: t`running`,
    starting: t`starting`,
    paused: t`paused`,
    stopped: t`stopped`,
    stopping: t`stopping`,
    crashed: t`crashed`,
    unknown: t`unknown`,
  };
  return (state) => names[state];
}

/** A VM's state as a shape, with its name for those who do not see it. */
export function StateMark({ state, withName = false }: { state: VmState; withName?: boolean }) {
  const name = useStateName()(state);
  const moving = state === 'starting' || state === 'stopping';
  return (
    <span className={`nk-state nk-state--${state}${moving ? ' nk-state--moving' : ''}`}>
      <svg viewBox="0 0 16 16" width="12" height="12" role="img" aria-label={withName ? undefined : name} aria-hidden={withName}>
        <path fillRule="evenodd" d={shapes[state]} />
      </svg>
      {withName && <span>{name}</span>}
    </span>
  );
}

/** What people call the hypervisors. */
export const hypervisorTitles: Readonly<Record<HypervisorId, string>> = {
  qemu: 'KVM/QEMU',
  virtualbox: 'VirtualBox',
  fake: 'Fake',
};

/** One letter for a hypervisor, so that a long list can be told apart at a glance. */
export function HypervisorBadge({ id }: { id: HypervisorId }) {
  return (
    <abbr className={`nk-hypervisor nk-hypervisor--${id}`} title={hypervisorTitles[id]} aria-label={hypervisorTitles[id]}>
      {{ qemu: 'K', virtualbox: 'V', fake: 'F' }[id]}
    </abbr>
  );
}

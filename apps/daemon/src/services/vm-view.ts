import type { Driver, MachineStatus, ProbeResult } from '@nakhoda/driver';
import { allowsAction, type Verdict, type Vm, vmActions, type VmState } from '@nakhoda/schema';

import { shownCloudInit } from './cloud-init-settings.ts';
import { pendingChanges } from './pending-changes.ts';
import { templateRefusal } from './templates.ts';
import { runningPlan, type VmRecord } from './vm-record.ts';

/** What was observed of a VM and of what it runs on. */
export interface ObservedVm {
  /** What is shown for its state: while a task changes it, what that does. */
  state: VmState;
  /** What its driver told last; undefined before the first look. */
  status: (MachineStatus & { observedAt: string }) | undefined;
  driver: Driver;
  /** What the last probe of its hypervisor found; undefined before the first. */
  probed: ProbeResult | undefined;
  /** IPv4 addresses by MAC. */
  addresses: ReadonlyMap<string, string>;
  /** Milliseconds that its present run has lasted. */
  ranMs: number;
  /** Milliseconds since 1970. */
  now: number;
}

/** A VM as the API shows it: what is wanted, and what was observed. Pure. */
export function viewVm(record: VmRecord, observed: ObservedVm): Vm {
  const { spec } = record;
  const { state, status } = observed;
  const alive = state === 'running' || state === 'paused' || state === 'stopping';
  const reason = status?.reason ?? (alive ? undefined : whyUnusable(observed));
  return {
    ...spec,
    cloudInit: shownCloudInit(spec.cloudInit),
    state,
    ...(reason === undefined ? {} : { stateReason: reason }),
    ...(status?.execution === undefined ? {} : { execution: status.execution }),
    addresses: alive
      ? runningPlan(record)
          .spec.nics.map((nic) => observed.addresses.get(nic.mac))
          .filter((address) => address !== undefined)
      : [],
    uptimeSeconds: alive ? Math.floor(observed.ranMs / 1000) : 0,
    ...(status?.pid === undefined ? {} : { pid: status.pid }),
    observedAt: status?.observedAt ?? new Date(observed.now).toISOString(),
    ...(status?.currentSnapshot === undefined ? {} : { currentSnapshot: status.currentSnapshot }),
    ...(status?.changedOutside === undefined ? {} : { changedOutside: status.changedOutside }),
    suspended: status?.suspended ?? false,
    pending: pendingChanges(record, alive),
    actions: verdicts(record, observed),
  };
}

/** Why the VM's hypervisor can start nothing. */
function whyUnusable({ driver, probed }: ObservedVm): string | undefined {
  return probed?.usable === false ? `${driver.id} cannot run VMs on this host: ${probed.reasons.join(' ')}` : undefined;
}

function verdicts(record: VmRecord, observed: ObservedVm): Record<string, Verdict> {
  const { state, status, driver } = observed;
  const { pause, reset, suspend, clone } = driver;
  const facetOf: Partial<Record<string, unknown>> = { exec: driver.guest, console: driver.serial };
  Object.assign(facetOf, { pause, resume: pause, reset, suspend, discard: suspend, clone });
  return Object.fromEntries(
    vmActions.map((action): [string, Verdict] => {
      const facet = action.startsWith('snapshot-') ? driver.snapshots : action in facetOf ? facetOf[action] : driver;
      if (facet === undefined) return [action, { allowed: false, reason: `${driver.id} has no ${action} on this host.` }];
      const refusal = templateRefusal(record, action);
      if (refusal !== null) return [action, { allowed: false, reason: refusal }];
      if (!allowsAction(state, action)) return [action, { allowed: false, reason: `The VM is ${state}.` }];
      if (action === 'discard' && !status?.suspended) return [action, { allowed: false, reason: 'No memory of it lies on disk.' }];
      if (action === 'destroy' && record.spec.protection) return [action, { allowed: false, reason: 'The VM is protected.' }];
      const reason = action === 'start' ? whyUnusable(observed) : undefined;
      if (reason !== undefined) return [action, { allowed: false, reason }];
      return [action, { allowed: true }];
    }),
  );
}

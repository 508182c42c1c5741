import type { Driver } from '@nakhoda/driver';
import { NakhodaError, type Snapshot, type VmClone } from '@nakhoda/schema';

import { planClone } from './clone-plan.ts';
import type { Services } from './context.ts';
import { quietContext } from './hypervisors.ts';
import { freshMacBytes, macAddress } from './mac-addresses.ts';
import { planFacts, promiseRecord } from './plans.ts';
import { withHardwareOf } from './pending-changes.ts';
import { snapshotPlan } from './snapshot-plans.ts';
import { runningPlan, type VmPlan, type VmRecord } from './vm-record.ts';

/** What a clone is made of and made into. */
export interface PlannedClone {
  record: VmRecord;
  source: { vmid: number; name: string };
  snapshot: string | null;
  left: string[];
}

/** @throws NakhodaError `vm.unsupported` */
export function requireClone({ hypervisors }: Services, { spec }: VmRecord): NonNullable<Driver['clone']> {
  const { clone } = hypervisors.driver(spec.hypervisor);
  if (clone) return clone;
  throw new NakhodaError('vm.unsupported', {
    message: `${spec.hypervisor} makes no clones on this host.`,
    hint: 'Import its disks instead: nakhoda vm import --help',
  });
}

/**
 * Everything that can be found wrong with a clone is found here, before a task is made for it.
 * @throws NakhodaError
 */
export async function planNewClone(services: Services, source: VmRecord, request: VmClone): Promise<PlannedClone> {
  const { vmid, name, hypervisor } = source.spec;
  const driver = await services.hypervisors.usable(hypervisor);
  requireClone(services, source);
  const snapshot = request.snapshot === undefined ? null : await findSnapshot(services, driver, source, request.snapshot);
  const facts = await planFacts(services, driver);
  const taken = new Set(facts.takenMacs);
  const freshMac = (): string => {
    const mac = macAddress(freshMacBytes(taken));
    taken.add(mac);
    return mac;
  };
  const from = await planOfSource(services, driver, source, snapshot);
  const plan = planClone(request, from, snapshot, { ...facts, freshMac });
  return {
    record: await promiseRecord(services, driver, plan.spec, plan.cdromPath),
    source: { vmid, name },
    snapshot: request.snapshot ?? null,
    left: plan.left,
  };
}

/** What the source has now, or had in the snapshot as far as that was kept. */
async function planOfSource({ store }: Services, driver: Driver, source: VmRecord, snapshot: Snapshot | null): Promise<VmPlan> {
  const now = runningPlan(source);
  const { vmid } = now.spec;
  const then = snapshot ? await snapshotPlan(store, { vmid, snapshot, capabilities: driver.capabilities() }) : null;
  return then ? { ...then, spec: withHardwareOf(now.spec, then.spec) } : now;
}

async function findSnapshot(services: Services, driver: Driver, { spec }: VmRecord, wanted: string): Promise<Snapshot> {
  const present = (await driver.snapshots?.list(quietContext(services.log), { vmid: spec.vmid })) ?? [];
  const found = present.find(({ name }) => name === wanted);
  if (found) return found;
  throw new NakhodaError('snapshot.not-found', {
    message: `${spec.name} has no snapshot called ${wanted}.`,
    hint: present.length === 0 ? 'It has none.' : `It has: ${present.map(({ name }) => name).join(', ')}.`,
  });
}

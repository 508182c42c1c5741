import { readdir } from 'node:fs/promises';

import { fileExists } from '@nakhoda/host';
import type { PendingChange, Snapshot } from '@nakhoda/schema';

import type { Services } from './context.ts';
import { takenMacs } from './mac-addresses.ts';
import { machineChanges } from './pending-changes.ts';
import { requireValid } from './plans.ts';
import { planRollback } from './rollback-plan.ts';
import { snapshotPlan } from './snapshot-plans.ts';
import { vmFolders, type VmPlan, type VmRecord } from './vm-record.ts';

/** What a rollback makes of a VM besides its disks and memory. */
export interface PlannedRollback {
  plan: VmPlan;
  changes: PendingChange[];
  unused: string[];
  notes: string[];
}

/**
 * What a VM is to be made of after a rollback; null where nothing was kept with the snapshot. Everything that can be
 * found wrong with it is found here.
 * @throws NakhodaError `network.not-found`, `vm.mac-taken`, `storage.volume-not-found`, `vm.spec-invalid`
 */
export async function planRollbackTo(services: Services, record: VmRecord, snapshot: Snapshot): Promise<PlannedRollback | null> {
  const { store, hypervisors, networks, inventory, config } = services;
  const { vmid, hypervisor } = record.spec;
  const driver = hypervisors.driver(hypervisor);
  const capabilities = driver.capabilities();
  const then = await snapshotPlan(store, { vmid, snapshot, capabilities });
  if (!then) return null;
  const { spec, cdromPath, kept, ...told } = planRollback(record, then, {
    snapshot,
    networks: new Set(networks.specs().map(({ name }) => name)),
    takenMacs: takenMacs(inventory.records().filter((other) => other.spec.vmid !== vmid)),
    cdThere: then.cdromPath !== null && (await fileExists(then.cdromPath)),
    files: new Set(await readdir(vmFolders(config.folders, vmid).directory).catch(() => [])),
  });
  const attachments = await networks.planAttachments({ spec, cdromPath }, capabilities.nicBackends, kept);
  const plan: VmPlan = { spec, attachments, cdromPath };
  requireValid(services, driver, plan);
  return { plan, ...told };
}

/** The fields that a rollback to each snapshot would change; not told where nothing was kept with it. */
export async function withChanges(services: Services, record: VmRecord, snapshots: readonly Snapshot[]): Promise<Snapshot[]> {
  const { store, hypervisors } = services;
  const { vmid, hypervisor } = record.spec;
  const capabilities = hypervisors.driver(hypervisor).capabilities();
  return Promise.all(
    snapshots.map(async (snapshot) => {
      const then = await snapshotPlan(store, { vmid, snapshot, capabilities });
      if (!then) return snapshot;
      return { ...snapshot, changes: machineChanges(record.spec, then.spec).map(({ field }) => field) };
    }),
  );
}

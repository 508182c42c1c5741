import { readdir } from 'node:fs/promises';

import { poolUsage } from '@nakhoda/host';
import type { Capabilities, VmSpec } from '@nakhoda/schema';

import type { Services } from './context.ts';
import { freshMacBytes, takenMacs } from './mac-addresses.ts';
import type { DiskFacts } from './device-plans.ts';
import { localPool, requireValid } from './plans.ts';
import { snapshotSlots } from './snapshot-plans.ts';
import { runningPlan, vmFolders, type VmPlan, type VmRecord } from './vm-record.ts';

/** What the planners of disks have to know, observed now. */
export async function diskFacts({ hypervisors, config, store }: Services, { spec }: VmRecord): Promise<DiskFacts> {
  const { directory } = vmFolders(config.folders, spec.vmid);
  const { totalBytes } = await poolUsage(config.folders.images);
  return {
    capabilities: hypervisors.driver(spec.hypervisor).capabilities(),
    // A folder that is gone has nothing that could be taken for a new disk's image.
    files: new Set(await readdir(directory).catch(() => [])),
    heldSlots: await snapshotSlots(store, spec.vmid),
    pool: { name: localPool, totalBytes },
  };
}

/** What the planner of a new NIC has to know, observed now. */
export function nicFacts(
  { hypervisors, inventory }: Services,
  { spec }: VmRecord,
): { capabilities: Capabilities; takenMacs: ReadonlySet<string>; macBytes: readonly [number, number, number] } {
  const taken = takenMacs(inventory.records());
  return { capabilities: hypervisors.driver(spec.hypervisor).capabilities(), takenMacs: taken, macBytes: freshMacBytes(taken) };
}

/**
 * The plan of a VM whose disks or NICs are to be others, its new NICs with ways to their networks; everything that
 * can be found wrong with it is found here.
 * @throws NakhodaError `network.not-found`, `network.failed`, `vm.spec-invalid`
 */
export async function planChangedDevices(services: Services, record: VmRecord, spec: VmSpec): Promise<VmPlan> {
  const { networks, hypervisors } = services;
  const driver = hypervisors.driver(spec.hypervisor);
  for (const { network } of spec.nics) networks.resolve(network);
  const kept = { ...runningPlan(record).attachments, ...record.attachments };
  const attachments = await networks.planAttachments({ spec, cdromPath: record.cdromPath }, driver.capabilities().nicBackends, kept);
  const plan: VmPlan = { spec, attachments, cdromPath: record.cdromPath };
  requireValid(services, driver, plan);
  return plan;
}

import { isDeepStrictEqual } from 'node:util';

import type { DriverContext } from '@nakhoda/driver';

import type { Services } from '../services/context.ts';
import { refuseSnapshotDisks } from '../services/snapshot-disks.ts';
import { refuseTemplateChange } from '../services/templates.ts';
import { runningPlan, type VmPlan, type VmRecord } from '../services/vm-record.ts';

/** @throws NakhodaError `snapshot.uses-disk` */
export async function requireFreeDisks({ hypervisors }: Services, ctx: DriverContext, before: VmRecord, after: VmPlan): Promise<void> {
  const { vmid, hypervisor } = before.spec;
  const { snapshots } = hypervisors.driver(hypervisor);
  if (!snapshots || isDeepStrictEqual(before.spec.disks, after.spec.disks)) return;
  refuseSnapshotDisks(runningPlan(before), after, await snapshots.list(ctx, { vmid }));
}

/** @throws NakhodaError `vm.is-template`, `vm.has-clones`, `vm.wrong-state` */
export async function requireTemplateChange(
  { hypervisors, inventory }: Services,
  ctx: DriverContext,
  before: VmRecord,
  after: VmPlan,
): Promise<void> {
  const { vmid, hypervisor, template } = before.spec;
  if (!template && !after.spec.template) return;
  await inventory.refresh(vmid);
  refuseTemplateChange(before, after, {
    stopped: ['stopped', 'crashed'].includes(inventory.state(vmid)),
    suspended: inventory.status(vmid)?.suspended ?? false,
    snapshots: template ? [] : ((await hypervisors.driver(hypervisor).snapshots?.list(ctx, { vmid })) ?? []),
    all: inventory.records(),
  });
}

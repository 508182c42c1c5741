import type { DriverContext } from '@nakhoda/driver';

import { writeCloudInitFile } from '../services/cloud-init-file.ts';
import type { Services } from '../services/context.ts';
import { toMachineSpec, type VmPlan } from '../services/vm-record.ts';

/** Makes the machine what the plan says, with the image of its cloud-init drive. Idempotent. */
export async function defineMachine({ hypervisors, config }: Services, ctx: DriverContext, plan: VmPlan): Promise<void> {
  await writeCloudInitFile(plan.spec, config.folders);
  await hypervisors.driver(plan.spec.hypervisor).define(ctx, { spec: toMachineSpec(plan, config.folders) });
}

import { join } from 'node:path';

import type { DriverContext } from '@nakhoda/driver';
import { toNakhodaError } from '@nakhoda/schema';

import type { Services } from '../services/context.ts';
import { imageFile, vmFolders } from '../services/vm-record.ts';

/**
 * Deletes the images of removed disks that no run has any more. One that cannot be deleted fails nothing: it is told
 * in the task's log, stays written down, and is tried again with the VM's next change or start.
 */
export async function deleteDiscarded(services: Services, ctx: DriverContext, vmid: number): Promise<void> {
  const { inventory, hypervisors, config } = services;
  const record = inventory.byVmid(vmid);
  if (!record?.discarded) return;
  const { directory } = vmFolders(config.folders, vmid);
  const used = new Set([...record.spec.disks, ...(record.active?.spec.disks ?? [])].map(({ volume }) => imageFile(volume)));
  const left: string[] = [];
  for (const file of record.discarded) {
    try {
      if (used.has(file)) left.push(file);
      else await hypervisors.driver(record.spec.hypervisor).deleteImage(ctx, { vmid, path: join(directory, file) });
    } catch (error) {
      left.push(file);
      ctx.log(`The image ${file} could not be deleted, and is tried again later: ${toNakhodaError(error).message}`);
    }
  }
  if (left.length === record.discarded.length) return;
  const { discarded: _former, ...kept } = record;
  await inventory.replace({ ...kept, ...(left.length > 0 ? { discarded: left } : {}) });
}

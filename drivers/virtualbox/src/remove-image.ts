import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import { fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { grownFrom, isBelow, mediumAt } from './media-tree.ts';
import type { Parts } from './parts.ts';
import { serviceLeaves } from './service-leaves.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/**
 * Deletes an image, and has VirtualBox forget it; first those of the same VM that grow from it.
 * @throws NakhodaError `vm.wrong-state` when other VMs' images grow from it
 */
export async function removeImage(parts: Parts, vmid: number, path: string): Promise<void> {
  const media = await parts.machines.mediaAround(vmid, [path]);
  const medium = mediumAt(media, path);
  const grown = medium ? grownFrom(media, medium.uuid) : [];
  const foreign = grown.find((image) => !isBelow(image.path, dirname(path)));
  if (foreign) {
    throw new NakhodaError('vm.wrong-state', {
      message: `${path} is not deleted: ${foreign.path}, of a linked clone, grows from it.`,
      hint: 'Delete the clone first.',
    });
  }
  for (const image of [...grown, { path }]) {
    if (!(await fileExists(image.path))) continue;
    const close = (): Promise<string> => parts.vbox.run(['closemedium', 'disk', image.path], { lanes: [vmLane(vmid), mediaLane] });
    // An image that VirtualBox does not know, or that is still in a drive which goes with the VM, is closed already.
    await close()
      .catch(async (error: unknown) => ((await serviceLeaves(parts, error)) ? close() : Promise.reject(error)))
      .catch((error: unknown) => parts.log(`closing ${image.path}: ${String(error)}`));
    await rm(image.path, { force: true });
  }
}

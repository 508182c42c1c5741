import { dirname } from 'node:path';

import { fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { usesDisk } from './define.ts';
import { imageSize } from './image-facts.ts';
import type { Parts } from './parts.ts';
import { removeImage } from './remove-image.ts';
import { heldDisks } from './snapshot-disks.ts';

/** See `Driver.deleteImage`. */
export async function deleteImage(parts: Parts, vmid: number, path: string): Promise<void> {
  const machine = await parts.machines.need(vmid);
  const { spec } = machine;
  if (spec.disks.some((disk) => disk.path === path)) {
    throw new NakhodaError('vm.wrong-state', { message: `VM ${vmid} has the disk ${path} still.`, hint: 'Take it from the VM first.' });
  }
  if (dirname(path) !== spec.directory || !(await fileExists(path))) return;
  if ((await heldDisks(parts, machine, [{ path }])).length > 0) throw usesDisk(path);
  await removeImage(parts, vmid, path);
}

/** See `Driver.measureImage`. */
export async function measureImage(path: string): Promise<{ sizeBytes: number }> {
  const sizeBytes = (await fileExists(path)) ? await imageSize(path) : null;
  if (sizeBytes !== null) return { sizeBytes };
  throw new NakhodaError('storage.volume-refused', {
    message: `${path} is no image of a disk that VirtualBox can read.`,
    hint: 'Convert it with `qemu-img convert -O vdi`, or take it away.',
  });
}

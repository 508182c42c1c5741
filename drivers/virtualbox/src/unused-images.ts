import { dirname } from 'node:path';

import { fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { usesDisk } from './define.ts';
import type { KnownMachine } from './machines.ts';
import { grownFrom, mediumAt } from './media-tree.ts';
import type { Parts } from './parts.ts';
import { removeImage } from './remove-image.ts';
import { vdiSize } from './vdi-size.ts';

/** See `Driver.deleteImage`. */
export async function deleteImage(parts: Parts, vmid: number, path: string): Promise<void> {
  const machine = await parts.machines.need(vmid);
  const { spec } = machine;
  if (spec.disks.some((disk) => disk.path === path)) {
    throw new NakhodaError('vm.wrong-state', { message: `VM ${vmid} has the disk ${path} still.`, hint: 'Take it from the VM first.' });
  }
  if (dirname(path) !== spec.directory || !(await fileExists(path))) return;
  if (await isInSnapshot(parts, machine, path)) throw usesDisk(path);
  await removeImage(parts, vmid, path);
}

/** Whether a snapshot has the image, or one that grows from it. */
async function isInSnapshot(parts: Parts, machine: KnownMachine, path: string): Promise<boolean> {
  const { observed, vmid } = machine;
  // A file that cannot be read may say anything.
  if (observed === null) return true;
  if (observed.snapshots.length === 0) return false;
  const media = await parts.machines.mediaAround(vmid, [path]);
  const medium = mediumAt(media, path);
  if (medium === undefined) return false;
  const images = [medium, ...grownFrom(media, medium.uuid)].map(({ uuid }) => uuid);
  const { states } = await parts.machines.mediaOf(machine);
  return states.some(({ snapshot, disks }) => snapshot !== null && disks.some((uuid) => images.includes(uuid)));
}

/** See `Driver.measureImage`. */
export async function measureImage(path: string): Promise<{ sizeBytes: number }> {
  const sizeBytes = (await fileExists(path)) ? await vdiSize(path) : null;
  if (sizeBytes !== null) return { sizeBytes };
  throw new NakhodaError('storage.volume-refused', {
    message: `${path} is no VDI image.`,
    hint: 'Convert it with `qemu-img convert -O vdi`, or take it away.',
  });
}

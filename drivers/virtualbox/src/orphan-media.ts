import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { writeFileAtomic } from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';

import { saveTree } from './linked-tree.ts';
import type { KnownMachine } from './machines.ts';
import type { DiskState } from './machine-media.ts';
import { isBelow } from './media-tree.ts';
import type { KnownMedium, MediaTree } from './media-tree.ts';
import type { Parts } from './parts.ts';
import { serviceLeaves } from './service-leaves.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/**
 * Has VirtualBox forget differencing images that belong to nobody: 7.2.22 leaves one when the VM's process, or its
 * service, dies while a snapshot is taken. As long as one is in the VM's file, the next service to read that calls the
 * VM inaccessible, for "it has 1 differencing child hard disks", and every order fails. The image's file stays: it may
 * hold what the guest wrote meanwhile. Never throws: what cannot be mended is told by the order itself.
 */
export async function forgetOrphans(parts: Parts, machine: KnownMachine): Promise<void> {
  for (const { uuid, location } of machine.observed?.orphans ?? []) {
    await forget(parts, machine, join(machine.folder, location), async () => {
      if (await isInaccessible(parts, machine)) await takeOutOfFile(parts, machine, uuid);
      else await close(parts, machine, uuid, true);
    });
  }
  for (const medium of await orphansOfClone(parts, machine)) {
    await forget(parts, machine, medium.path, async () => {
      await close(parts, machine, medium.uuid, false);
      await saveTree(parts, medium.owner);
      // Has VirtualBox look again at a VM that it could not read.
      await isInaccessible(parts, machine);
    });
  }
}

async function forget(parts: Parts, { vmid }: KnownMachine, path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
    parts.log(`VM ${vmid}: an interrupted snapshot had left ${path}. VirtualBox has forgotten it; the file is kept with the VM.`);
  } catch (error) {
    parts.log(`VM ${vmid}: an interrupted snapshot left ${path}, which VirtualBox keeps: ${toNakhodaError(error).message}`);
  }
}

/** @param inItsFile whether the machine's own file lists the image; that of a linked clone's snapshot is in its source's */
async function close(parts: Parts, machine: KnownMachine, uuid: string, inItsFile: boolean): Promise<void> {
  const order = (): Promise<string> => parts.vbox.run(['closemedium', 'disk', uuid], { lanes: [vmLane(machine.vmid), mediaLane] });
  try {
    await order();
  } catch (error) {
    if (!(await serviceLeaves(parts, error))) throw error;
    // The next service reads the files anew.
    if (inItsFile && (await isInaccessible(parts, machine))) await takeOutOfFile(parts, machine, uuid);
    else await order().catch(unlessUnknown);
  }
}

/** Files that do not list an image leave nothing to be closed. */
function unlessUnknown(refusal: unknown): void {
  // What VBoxManage 7.2.22 makes of an identifier that it does not know: a path.
  if (!/is not fully qualified/u.test(toNakhodaError(refusal).message)) throw refusal;
}

async function orphansOfClone(parts: Parts, machine: KnownMachine): Promise<KnownMedium[]> {
  const { vmid, folder, spec } = machine;
  try {
    const paths = spec.disks.map(({ path }) => path);
    return orphansBelow(await parts.machines.mediaAround(vmid, paths), { vmid, folder }, (await parts.machines.mediaOf(machine)).states);
  } catch (error) {
    parts.log(`VM ${vmid}: looking for images of interrupted snapshots: ${toNakhodaError(error).message}`);
    return [];
  }
}

/**
 * The images in a linked clone's folder that interrupted snapshots left. They are in the list of the VM that the tree
 * grows from, so nothing in the clone's file tells them, but this does: they grow from an image in one of the clone's
 * drives. A disk's own image that is in no drive for now does not. Pure.
 */
export function orphansBelow(media: MediaTree, clone: { vmid: number; folder: string }, states: readonly DiskState[]): KnownMedium[] {
  const inDrives = states.find(({ snapshot }) => snapshot === null)?.disks ?? [];
  const held = new Set(states.flatMap(({ disks }) => disks));
  const parents = new Set([...media.values()].map(({ parentUuid }) => parentUuid));
  return [...media.values()].filter(
    ({ uuid, parentUuid, path, owner }) =>
      owner.vmid !== clone.vmid &&
      isBelow(path, clone.folder) &&
      parentUuid !== null &&
      inDrives.includes(parentUuid) &&
      !held.has(uuid) &&
      !parents.has(uuid),
  );
}

async function isInaccessible(parts: Parts, { vmid, uuid }: KnownMachine): Promise<boolean> {
  const listed = await parts.vbox.run(['list', 'vms'], { lanes: [vmLane(vmid)], asks: true });
  return listed.split('\n').some((line) => line.startsWith('"<inaccessible>"') && line.includes(uuid));
}

/** The file is nobody's while VirtualBox cannot read it; the next look (`list vms`) has VirtualBox read it again. */
async function takeOutOfFile(parts: Parts, machine: KnownMachine, uuid: string): Promise<void> {
  const path = join(machine.folder, `${basename(machine.folder)}.vbox`);
  await writeFileAtomic(path, withoutMedium(await readFile(path, 'utf8'), uuid));
  await parts.account.handOver(path);
  await isInaccessible(parts, machine);
}

/** The text of a `.vbox` file without the line of an image from which nothing grows. Pure. */
export function withoutMedium(xml: string, uuid: string): string {
  return xml.replace(new RegExp(`\\s*<HardDisk uuid="\\{${uuid}\\}"[^>]*/>`, 'u'), '');
}

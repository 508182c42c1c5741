import { readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { writeFileAtomic } from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';

import type { OrphanMedium } from './machine-file.ts';
import type { KnownMachine } from './machines.ts';
import type { Parts } from './parts.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/**
 * Removes differencing images that belong to nobody: VirtualBox 7.2.22 leaves one when the VM's process, or its
 * service, dies while a snapshot is taken. As long as one is in the VM's file, the next service to read that calls the
 * VM inaccessible, for "it has 1 differencing child hard disks", and every order fails. What such an image holds is what
 * the guest wrote since a snapshot that there is not. Never throws: what cannot be mended is told by the order itself.
 */
export async function removeOrphans(parts: Parts, machine: KnownMachine): Promise<void> {
  for (const orphan of machine.observed?.orphans ?? []) {
    const lanes = [vmLane(machine.vmid), mediaLane];
    try {
      if (await isInaccessible(parts, machine)) await removeFromFile(parts, machine, orphan);
      else await parts.vbox.run(['closemedium', 'disk', orphan.uuid, '--delete'], { lanes });
      parts.log(`VM ${machine.vmid}: removed ${orphan.location}, which an interrupted snapshot had left.`);
    } catch (error) {
      parts.log(
        `VM ${machine.vmid}: ${orphan.location}, left by an interrupted snapshot, could not be removed: ${toNakhodaError(error).message}`,
      );
    }
  }
}

async function isInaccessible(parts: Parts, { vmid, uuid }: KnownMachine): Promise<boolean> {
  const listed = await parts.vbox.run(['list', 'vms'], { lanes: [vmLane(vmid)] });
  return listed.split('\n').some((line) => line.startsWith('"<inaccessible>"') && line.includes(uuid));
}

/** The file is nobody's while VirtualBox cannot read it; the next look (`list vms`) has VirtualBox read it again. */
async function removeFromFile(parts: Parts, machine: KnownMachine, { uuid, location }: OrphanMedium): Promise<void> {
  const path = join(machine.folder, `${basename(machine.folder)}.vbox`);
  await writeFileAtomic(path, withoutMedium(await readFile(path, 'utf8'), uuid));
  await isInaccessible(parts, machine);
  await rm(join(dirname(path), location), { force: true });
}

/** The text of a `.vbox` file without the line of an image from which nothing grows. Pure. */
export function withoutMedium(xml: string, uuid: string): string {
  return xml.replace(new RegExp(`\\s*<HardDisk uuid="\\{${uuid}\\}"[^>]*/>`, 'u'), '');
}

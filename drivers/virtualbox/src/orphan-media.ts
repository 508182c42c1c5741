import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { writeFileAtomic } from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';

import type { KnownMachine } from './machines.ts';
import type { Parts } from './parts.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/**
 * Has VirtualBox forget differencing images that belong to nobody: 7.2.22 leaves one when the VM's process, or its
 * service, dies while a snapshot is taken. As long as one is in the VM's file, the next service to read that calls the
 * VM inaccessible, for "it has 1 differencing child hard disks", and every order fails. The image's file stays: it may
 * hold what the guest wrote meanwhile. Never throws: what cannot be mended is told by the order itself.
 */
export async function forgetOrphans(parts: Parts, machine: KnownMachine): Promise<void> {
  for (const { uuid, location } of machine.observed?.orphans ?? []) {
    const path = join(machine.folder, location);
    try {
      if (await isInaccessible(parts, machine)) await takeOutOfFile(parts, machine, uuid);
      else await parts.vbox.run(['closemedium', 'disk', uuid], { lanes: [vmLane(machine.vmid), mediaLane] });
      parts.log(`VM ${machine.vmid}: an interrupted snapshot had left ${path}. VirtualBox has forgotten it; the file is kept with the VM.`);
    } catch (error) {
      parts.log(`VM ${machine.vmid}: an interrupted snapshot left ${path}, which VirtualBox keeps: ${toNakhodaError(error).message}`);
    }
  }
}

async function isInaccessible(parts: Parts, { vmid, uuid }: KnownMachine): Promise<boolean> {
  const listed = await parts.vbox.run(['list', 'vms'], { lanes: [vmLane(vmid)], asks: true });
  return listed.split('\n').some((line) => line.startsWith('"<inaccessible>"') && line.includes(uuid));
}

/** The file is nobody's while VirtualBox cannot read it; the next look (`list vms`) has VirtualBox read it again. */
async function takeOutOfFile(parts: Parts, machine: KnownMachine, uuid: string): Promise<void> {
  const path = join(machine.folder, `${basename(machine.folder)}.vbox`);
  await writeFileAtomic(path, withoutMedium(await readFile(path, 'utf8'), uuid));
  await isInaccessible(parts, machine);
}

/** The text of a `.vbox` file without the line of an image from which nothing grows. Pure. */
export function withoutMedium(xml: string, uuid: string): string {
  return xml.replace(new RegExp(`\\s*<HardDisk uuid="\\{${uuid}\\}"[^>]*/>`, 'u'), '');
}

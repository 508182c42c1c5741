import type { KnownMachine } from './machines.ts';
import { isBelow } from './media-tree.ts';
import type { KnownMedium } from './media-tree.ts';
import type { Parts } from './parts.ts';
import { mediaLane, vmLane } from './vboxmanage.ts';

/** In the extra data of a machine: when its file was last written for a linked clone's sake. */
const savedKey = 'Nakhoda/LinkedClones';

/**
 * Has VirtualBox write the file of the machine that a linked clone's images grow from. It lists them there and not in the
 * clone's own file, and does not always write that file when they change (7.2.22: not after a registration, nor after a
 * snapshot of the clone's was merged): until it does, the change is known for as long as the service runs.
 */
export async function saveTree(parts: Parts, owner: KnownMedium['owner']): Promise<void> {
  // It writes the file when a value is another one.
  const args = ['setextradata', owner.uuid, savedKey, new Date().toISOString()];
  await parts.vbox.run(args, { lanes: [vmLane(owner.vmid), mediaLane] });
}

/** The same for all of a machine's images, where it is a linked clone. */
export async function saveTreesOf(parts: Parts, { vmid, spec }: Pick<KnownMachine, 'vmid' | 'spec'>): Promise<void> {
  const media = await parts.machines.mediaAround(
    vmid,
    spec.disks.map(({ path }) => path),
  );
  const own = [...media.values()].filter(({ path, owner }) => owner.vmid !== vmid && isBelow(path, spec.directory));
  for (const owner of new Map(own.map((medium) => [medium.owner.vmid, medium.owner])).values()) await saveTree(parts, owner);
}

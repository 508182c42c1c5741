import { join } from 'node:path';

import type { MachineDisk } from '@nakhoda/driver';

import type { ObservedMachine } from './machine-file.ts';
import { readVdiHeader } from './vdi-header.ts';

/** Where VirtualBox keeps a machine's differencing images, which it names by their UUIDs. */
export function differencePath(machineFolder: string, uuid: string): string {
  return join(machineFolder, 'Snapshots', `{${uuid}}.vdi`);
}

/**
 * Finds the disks of linked clones: VirtualBox lists their images in the file of the machine that the whole tree grows from,
 * so the clone's own file does not tell which disk an image in its drive belongs to. The images' headers do: they name
 * their parents, down to the image that is the disk's own.
 */
export class LinkedImages {
  /** From an image's path to its disk's. It never changes: an image grows from one disk for as long as there is such an image. */
  readonly #disks = new Map<string, string>();

  /** The machine with the disks of such drives named: `baseLocation` is the disk's path, and `linkedImage` that of the image in the drive. */
  async resolve(
    observed: ObservedMachine,
    machine: { folder: string; spec: { disks: readonly Pick<MachineDisk, 'path'>[] } },
  ): Promise<ObservedMachine> {
    // Right after its registration a clone's file has the whole tree, down to another machine's image.
    const unknown = ({ type, baseLocation }: ObservedMachine['attachments'][number]): boolean =>
      type === 'HardDisk' && !machine.spec.disks.some(({ path }) => path === baseLocation);
    if (!observed.attachments.some(unknown)) return observed;
    const attachments = await Promise.all(
      observed.attachments.map(async (attachment) => {
        if (!unknown(attachment) || attachment.mediumUuid === null) return attachment;
        const linkedImage = differencePath(machine.folder, attachment.mediumUuid);
        const baseLocation = await this.#diskOf(linkedImage, machine);
        return baseLocation === null ? attachment : { ...attachment, baseLocation, linkedImage };
      }),
    );
    return { ...observed, attachments };
  }

  async #diskOf(image: string, machine: Parameters<LinkedImages['resolve']>[1]): Promise<string | null> {
    const known = this.#disks.get(image);
    if (known !== undefined) return known;
    const disks = new Map<string | undefined, string>();
    for (const { path } of machine.spec.disks) disks.set((await readVdiHeader(path))?.uuid, path);
    const seen = new Set<string>();
    for (let path = image; !seen.has(path);) {
      seen.add(path);
      const parent = (await readVdiHeader(path))?.parentUuid;
      if (!parent) return null;
      const disk = disks.get(parent);
      if (disk !== undefined) {
        this.#disks.set(image, disk);
        return disk;
      }
      path = differencePath(machine.folder, parent);
    }
    return null;
  }
}

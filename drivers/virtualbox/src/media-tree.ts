import { dirname, sep } from 'node:path';

/** An image of a disk that VirtualBox knows. */
export interface KnownMedium {
  uuid: string;
  parentUuid: string | null;
  /** Absolute. */
  path: string;
  /** The machine whose `.vbox` file lists it, and the whole tree with it. */
  owner: { vmid: number; uuid: string };
}

/** All images of disks of Nakhoda's VMs, by UUID. */
export type MediaTree = ReadonlyMap<string, KnownMedium>;

/** The image and those that it grows from, down to the one that grows from none. Pure. */
export function chainOf(media: MediaTree, uuid: string): KnownMedium[] {
  const chain: KnownMedium[] = [];
  for (let next = media.get(uuid); next !== undefined && !chain.includes(next);) {
    chain.push(next);
    next = next.parentUuid === null ? undefined : media.get(next.parentUuid);
  }
  return chain;
}

/** The images that grow from one, those that nothing grows from first. Pure. */
export function grownFrom(media: MediaTree, uuid: string): KnownMedium[] {
  const grown = [...media.values()].map((medium) => ({
    medium,
    depth: chainOf(media, medium.uuid).findIndex((found) => found.uuid === uuid),
  }));
  return grown
    .filter(({ depth }) => depth > 0)
    .sort((a, b) => b.depth - a.depth)
    .map(({ medium }) => medium);
}

/** The image at a path. */
export function mediumAt(media: MediaTree, path: string): KnownMedium | undefined {
  return [...media.values()].find((medium) => medium.path === path);
}

/** The image in which a linked clone's disk is written to, where that is in no drive: the only one above the disk's own image. Pure. */
export function topOf(media: MediaTree, path: string): KnownMedium | undefined {
  const medium = mediumAt(media, path);
  return medium && grownFrom(media, medium.uuid).find((grown) => isBelow(grown.path, dirname(path)));
}

/**
 * An image that grows from one of these, and is another machine's than the one with this folder: a linked clone's, which
 * lies in the folder beside. An adopted machine's own images are in a folder of its user's. Pure.
 */
export function foreignGrowth(media: MediaTree, uuids: readonly string[], directory: string): KnownMedium | undefined {
  return uuids.flatMap((uuid) => grownFrom(media, uuid)).find(({ path }) => isBeside(path, directory));
}

/** Whether a path lies in the folder of another machine, given that of one. */
export function isBeside(path: string, directory: string): boolean {
  return isBelow(path, dirname(directory)) && !isBelow(path, directory);
}

/** Whether a path lies in a folder. */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder + sep);
}

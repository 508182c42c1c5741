import type { MachineDisk } from '@nakhoda/driver';

/**
 * One image of a disk's chain: the disk as it was defined (layer 0), an overlay of a snapshot, or, numbered downwards
 * from -1, an image of another VM that a linked clone lies on.
 */
export interface ChainImage {
  layer: number;
  path: string;
  format: MachineDisk['format'];
}

/** What is the same for all images of a disk. */
export type ImageTraits = Pick<MachineDisk, 'cache' | 'discard'>;

export const plainTraits: ImageTraits = { cache: 'writeback', discard: true };

/**
 * QEMU's cache modes are three switches: past the host's cache, no flushes, and a write cache that the guest is told of,
 * which is the device's matter. What is not said is QEMU's default (docs/system/qemu-block-drivers.rst).
 */
function cacheMembers(cache: MachineDisk['cache']): { cache?: { 'direct'?: true; 'no-flush'?: true } } {
  if (cache === 'unsafe') return { cache: { 'no-flush': true } };
  return cache === 'none' || cache === 'directsync' ? { cache: { direct: true } } : {};
}

/** The format node of a disk's image: what block jobs name it by. At most 31 characters, QEMU's limit. */
export function layerNode(slot: string, layer: number): string {
  if (layer < 0) return `${slot}-base${-layer}`;
  return layer === 0 ? slot : `${slot}-${layer}`;
}

/**
 * Names of the nodes of a disk's images up to layer 0, and of their files, as far as QEMU has them; top first, in the
 * order in which they can be closed. Overlays are not among them.
 */
export function lowerNodes(slot: string, names: Iterable<string>): string[] {
  const there = new Set(names);
  const nodes: string[] = [];
  for (let layer = 0; ; layer -= 1) {
    const node = layerNode(slot, layer);
    const found = [node, fileNode(node)].filter((name) => there.has(name));
    if (found.length === 0 && layer < 0) return nodes;
    nodes.push(...found);
  }
}

/** The node of the file below a format node. */
export function fileNode(node: string): string {
  return `${node}-file`;
}

/** The layer of a format node of this disk; null for any other node, and for what a linked clone lies on. */
export function layerOfNode(slot: string, node: string): number | null {
  if (node === slot) return 0;
  const number = node.startsWith(`${slot}-`) ? node.slice(slot.length + 1) : '';
  return /^[1-9]\d*$/.test(number) ? Number(number) : null;
}

/**
 * The block nodes of a disk's chain, top first, in the order in which they must be made. Every backing node is named,
 * and its format too: what the images' own headers say is never followed.
 */
export function chainNodes(slot: string, chain: readonly ChainImage[], traits: ImageTraits = plainTraits): Record<string, unknown>[] {
  return chain.toReversed().flatMap((image, index, images) => {
    const below = images[index - 1];
    const backing = below ? layerNode(slot, below.layer) : null;
    return imageNodes(slot, image, { backing, readOnly: index < images.length - 1, traits });
  });
}

/** The two block nodes of one image, the file's first. `backing` is a node's name; null cuts off what the header names. */
export function imageNodes(
  slot: string,
  image: ChainImage,
  { backing, readOnly, traits }: { backing: string | null; readOnly: boolean; traits: ImageTraits },
): [Record<string, unknown>, Record<string, unknown>] {
  const node = layerNode(slot, image.layer);
  const common = { ...(traits.discard ? { discard: 'unmap' } : {}), ...cacheMembers(traits.cache) };
  return [
    // A commit writes into a backing image: its file becomes writable when a writer comes, and is not before; and when an
    // overlay comes on top, QEMU gives up the descriptor that it could write by. Another VM's image is never written.
    {
      'driver': 'file',
      'node-name': fileNode(node),
      'filename': image.path,
      ...common,
      ...(image.layer < 0 ? { 'read-only': true } : { 'auto-read-only': true }),
    },
    {
      'driver': image.format,
      'node-name': node,
      'file': fileNode(node),
      ...common,
      ...(image.format === 'qcow2' ? { backing } : {}),
      ...(readOnly ? { 'read-only': true } : {}),
    },
  ];
}

import type { MachineDisk } from '@nakhoda/driver';

import type { ChainImage } from './block-nodes.ts';
import { variableDisk, variableStore } from './hardware/firmware.ts';

/**
 * One step in the life of a VM's disks: an overlay of each disk over the same disk's image in the layer below.
 * Layer 0 is not listed: it is the disks as they were defined. A disk without an image in a layer is there as it is below.
 */
export interface Layer {
  id: number;
  parent: number;
  /** The disks that have an image of their own here. */
  slots: string[];
}

/** The part of the snapshots' store that is about images. Numbers of layers are never used twice. */
export interface LayerStore {
  layers: Layer[];
  /** The layer that the VM writes to. */
  active: number;
  lastLayer: number;
  entries: { layer: number; number: number; status: string; disks: string[] }[];
  /** Names of files in the VM's directory that nothing needs any more, and that are about to be deleted. */
  trash: string[];
  /** Disks that the VM has no more, and its layers still have: it went back to a snapshot from before them. */
  absent?: DiskPlace[];
}

/** An image of another VM that a linked clone's disk lies on. */
export type BaseImage = Omit<ChainImage, 'layer'>;

/** What the images of a linked clone's disks lie on, by the path of the image, from the nearest down. */
export type BaseImages = Readonly<Record<string, readonly BaseImage[]>>;

type DiskPlace = Pick<MachineDisk, 'slot' | 'path' | 'format'>;

/** Where a VM's disks are: the part of its record that is about images. */
export interface DiskPlaces {
  directory: string;
  disks: readonly DiskPlace[];
  base: BaseImages;
}

/** What brings the layers nearer to what the snapshots need. */
export type Reduction = { kind: 'drop'; layer: number } | { kind: 'merge'; upper: number; lower: number };

/** An overlay's file in the VM's directory. */
export function overlayName(slot: string, layer: number): string {
  return `${slot}.layer${layer}.qcow2`;
}

/** The file of a snapshot's memory in the VM's directory. */
export function memoryName(number: number): string {
  return `memory.layer${number}`;
}

/** The layers from this one down, without layer 0; top first. */
export function lineage(store: Pick<LayerStore, 'layers'>, from: number): Layer[] {
  const found: Layer[] = [];
  for (let id = from; id !== 0;) {
    const layer = store.layers.find((one) => one.id === id);
    if (!layer || found.includes(layer)) throw new Error(`The record of the snapshots is damaged: there is no layer ${id}.`);
    found.push(layer);
    id = layer.parent;
  }
  return found;
}

/** The images that make up a disk in a layer, top first, down to the disk as it was defined and what that lies on. */
export function imageChain(store: Pick<LayerStore, 'layers' | 'absent'>, places: DiskPlaces, slot: string, from: number): ChainImage[] {
  const disks = [...places.disks, ...(store.absent ?? [])];
  const disk = slot === variableStore ? variableDisk(places.directory) : disks.find((one) => one.slot === slot);
  if (!disk) throw new Error(`The VM has no disk ${slot}.`);
  const overlays = lineage(store, from)
    .filter(({ slots }) => slots.includes(slot))
    .map(({ id }): ChainImage => ({ layer: id, path: `${places.directory}/${overlayName(slot, id)}`, format: 'qcow2' }));
  return [...overlays, { layer: 0, path: disk.path, format: disk.format }, ...baseChain(places.base, disk.path)];
}

/** What an image lies on in another VM's folder, from the nearest down; nothing for one that stands alone. */
export function baseChain(base: BaseImages, path: string): ChainImage[] {
  return (base[path] ?? []).map((image, index) => ({ layer: -1 - index, ...image }));
}

/** What of a VM's images has to stay as it is for others' sake. */
export interface Held {
  places: DiskPlaces;
  isHeld: (path: string) => boolean;
}

/** Whether an image of the layer's own is held. */
function holdsImages(store: LayerStore, { places, isHeld }: Held, id: number): boolean {
  const slots = store.layers.find((layer) => layer.id === id)?.slots ?? [];
  return slots.some((slot) => isHeld(`${places.directory}/${overlayName(slot, id)}`));
}

/** Whether an image is held that a merge into the layer would write to: of a disk that has none here, it is further below. */
function holdsTops(store: LayerStore, { places, isHeld }: Held, id: number): boolean {
  const slots = [...[...places.disks, ...(store.absent ?? [])].map(({ slot }) => slot), variableStore];
  return slots.some((slot) => isHeld(imageChain(store, places, slot, id)[0]?.path ?? ''));
}

/** The disk's images whose backing image is that of the layer. */
export function imagesOver(store: Pick<LayerStore, 'layers' | 'absent'>, places: DiskPlaces, slot: string, lower: number): ChainImage[] {
  return store.layers
    .filter(({ slots }) => slots.includes(slot))
    .map(({ id }) => imageChain(store, places, slot, id))
    .flatMap(([image, backing]) => (image && backing?.layer === lower ? [image] : []));
}

/** The disks that have an overlay somewhere, or that a snapshot has: they can neither go nor move. */
export function layeredSlots(store: Pick<LayerStore, 'layers' | 'entries'>): string[] {
  return [...new Set([...store.layers.flatMap(({ slots }) => slots), ...store.entries.flatMap(({ disks }) => disks)])];
}

/** Those of them that the VM has no more. */
export function absentDisks(store: Pick<LayerStore, 'layers' | 'entries' | 'absent'>): DiskPlace[] {
  const layered = layeredSlots(store);
  return (store.absent ?? []).filter(({ slot }) => layered.includes(slot));
}

/**
 * The store of a VM whose disks are about to become others, which its layers may have: those that go stay known, and
 * those that come back, too, until the VM has them. Where both tell of a disk, it is the VM that is right.
 */
export function keepAbsent<S extends LayerStore>(store: S, former: Pick<DiskPlaces, 'disks'>, wanted: Pick<DiskPlaces, 'disks'>): S {
  const gone = former.disks
    .filter(({ slot }) => !wanted.disks.some((disk) => disk.slot === slot))
    .map(({ slot, path, format }) => ({ slot, path, format }));
  const others = (store.absent ?? []).filter(({ slot }) => !gone.some((disk) => disk.slot === slot));
  return { ...store, absent: absentDisks({ ...store, absent: [...gone, ...others] }) };
}

/** The store with a new layer over another; the VM does not write to it yet. */
export function addLayer<S extends LayerStore>(store: S, parent: number, slots: string[]): { store: S; layer: Layer } {
  const layer = { id: store.lastLayer + 1, parent, slots };
  return { store: { ...store, layers: [...store.layers, layer], lastLayer: layer.id }, layer };
}

/**
 * The next thing to do about layers that hold no snapshot and are not written to: one that nothing grows from is
 * dropped, one with a single child takes that child's content in, one with several stays until they are fewer. What
 * clones need (`held`) stays as it is.
 */
export function nextReduction(store: LayerStore, held: Held | null = null): Reduction | null {
  const needed = new Set([store.active, ...store.entries.map(({ layer }) => layer)]);
  const merges: Reduction[] = [];
  for (const lower of [0, ...store.layers.map(({ id }) => id)]) {
    if (needed.has(lower) || (held && holdsImages(store, held, lower))) continue;
    const [child, ...others] = store.layers.filter(({ parent }) => parent === lower);
    if (!child) return { kind: 'drop', layer: lower };
    if (held && (holdsTops(store, held, lower) || holdsImages(store, held, child.id))) continue;
    if (others.length === 0) merges.push({ kind: 'merge', upper: child.id, lower });
  }
  return merges[0] ?? null;
}

/** The store without a layer that nothing grows from. */
export function dropLayer<S extends LayerStore>(store: S, id: number): S {
  const gone = store.layers.find((layer) => layer.id === id);
  if (!gone) return store;
  return {
    ...store,
    layers: store.layers.filter((layer) => layer !== gone),
    trash: [...store.trash, ...gone.slots.map((slot) => overlayName(slot, id))],
  };
}

/** The store after the disk's image in the layer was merged into the one below it. */
export function mergedImage<S extends LayerStore>(store: S, id: number, slot: string): S {
  const layers = store.layers.map((layer) => (layer.id === id ? { ...layer, slots: layer.slots.filter((one) => one !== slot) } : layer));
  return { ...store, layers, trash: [...store.trash, overlayName(slot, id)] };
}

/** The store after a layer whose images all were merged: what was in it is in the one below. */
export function absorbLayer<S extends LayerStore>(store: S, id: number): S {
  const gone = store.layers.find((layer) => layer.id === id);
  if (!gone) return store;
  if (gone.slots.length > 0) throw new Error(`Layer ${id} still has images of its own.`);
  const down = (layer: number): number => (layer === id ? gone.parent : layer);
  return {
    ...store,
    active: down(store.active),
    entries: store.entries.map((entry) => ({ ...entry, layer: down(entry.layer) })),
    layers: store.layers.filter((layer) => layer !== gone).map((layer) => ({ ...layer, parent: down(layer.parent) })),
  };
}

/**
 * The store brought in line with the images that a running QEMU has in use (layers of each disk, top first): what an
 * earlier daemon's last orders did, and it could not write down any more.
 * @throws Error when QEMU uses an image that the store does not know of
 */
export function alignLayers<S extends LayerStore>(store: S, actual: Record<string, number[]>): S {
  let aligned = store;
  // QEMU changes over to new overlays on all disks at once, or on none.
  const taking = store.entries.find(({ status, number }) => status === 'taking' && number === store.active);
  if (taking && !Object.values(actual).some((chain) => chain.includes(taking.number))) aligned = { ...aligned, active: taking.layer };
  for (const [slot, chain] of Object.entries(actual)) {
    const expected = lineage(aligned, aligned.active).filter(({ slots }) => slots.includes(slot));
    for (const layer of expected) if (!chain.includes(layer.id)) aligned = mergedImage(aligned, layer.id, slot);
    const known = new Set([0, ...expected.map(({ id }) => id)]);
    const unknown = chain.find((id) => !known.has(id));
    if (unknown !== undefined)
      throw new Error(`QEMU uses layer ${unknown} of ${slot}, which the record of the snapshots does not have there.`);
  }
  return aligned;
}

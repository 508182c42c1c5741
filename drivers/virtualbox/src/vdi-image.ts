import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';

import type { MachineDisk } from '@nakhoda/driver';

import { imageTypes, readVdiHeader, uuidBytes, vdiHeaderBytes, vdiSignature } from './vdi-header.ts';

/** Bytes of the file that one entry of the block map stands for. */
const defaultBlockBytes = 1024 * 1024;
/** VirtualBox begins the data at a whole MiB. */
const alignment = 1024 * 1024;
/** Where the block map begins. VirtualBox leaves the first MiB to the header. */
const mapOffset = 1024 * 1024;
/** Its block map takes 8 MiB; larger images are left to VirtualBox itself. */
const mostBytes = 2 * 1024 ** 4;

/** VirtualBox refuses an image that ends within a sector. */
export function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / 512) * 512;
}

/** Whether {@link writeVdi} makes such a disk. */
export function canWriteVdi(disk: Pick<MachineDisk, 'format' | 'sizeBytes'>): boolean {
  return disk.format === 'vdi' && disk.sizeBytes <= mostBytes;
}

/** What a new image's header says. */
export interface VdiDescription {
  /** Default a new one. */
  uuid?: string;
  sizeBytes: number;
  /** Default 1 MiB, as VirtualBox's own. */
  blockBytes?: number;
  /** The image that this one holds the differences from. */
  parent?: VdiParent;
}

/** An image as a differencing one names it. */
export interface VdiParent {
  uuid: string;
  /** Changes with the content; VirtualBox writes it, and does not compare it (7.2.22). */
  modifyUuid: string;
}

/** Where the parts of an image lie, in bytes from its beginning. */
export interface VdiLayout {
  blocks: number;
  blockBytes: number;
  mapOffset: number;
  dataOffset: number;
}

/** The layout of a new image. Pure. */
export function vdiLayout({ sizeBytes, blockBytes = defaultBlockBytes }: VdiDescription): VdiLayout {
  const blocks = Math.ceil(wholeSectors(sizeBytes) / blockBytes);
  const dataOffset = Math.ceil((mapOffset + blocks * 4) / alignment) * alignment;
  return { blocks, blockBytes, mapOffset, dataOffset };
}

/**
 * Makes an empty dynamic VDI image, or an empty differencing one, as `VBoxManage createmedium` makes it, in a millisecond
 * instead of a call: the format is a header of fixed size, and a map in which no block is taken. The layout is that of
 * VirtualBox's VDICore.h (version 1.1), compared with images of 7.2.22. Safe on disk when it returns.
 * @returns the image's UUID, by which VirtualBox knows it
 */
export async function writeVdi(path: string, description: VdiDescription): Promise<string> {
  const uuid = description.uuid ?? randomUUID();
  const layout = vdiLayout(description);
  await using file = await open(path, 'wx', 0o600);
  await file.write(vdiHeader({ ...description, uuid, taken: 0 }), 0, vdiHeaderBytes, 0);
  await file.write(Buffer.alloc(layout.blocks * 4, 0xff), 0, layout.blocks * 4, mapOffset);
  await file.truncate(layout.dataOffset);
  await file.sync();
  return uuid;
}

/** A new image's header. `taken` blocks of it have data. Pure but for its second UUID. */
export function vdiHeader(image: VdiDescription & { uuid: string; taken: number }): Buffer {
  const layout = vdiLayout(image);
  const header = Buffer.alloc(vdiHeaderBytes);
  header.write('<<< Oracle VirtualBox Disk Image >>>\n', 'latin1');
  header.writeUInt32LE(vdiSignature, 0x40);
  header.writeUInt32LE(0x0001_0001, 0x44);
  header.writeUInt32LE(400, 0x48);
  header.writeUInt32LE(image.parent ? imageTypes.difference : imageTypes.dynamic, 0x4c);
  header.writeUInt32LE(layout.mapOffset, 0x154);
  header.writeUInt32LE(layout.dataOffset, 0x158);
  // The size of a sector, of two geometries that VirtualBox works out by itself.
  header.writeUInt32LE(512, 0x168);
  header.writeBigUInt64LE(BigInt(wholeSectors(image.sizeBytes)), 0x170);
  header.writeUInt32LE(layout.blockBytes, 0x178);
  header.writeUInt32LE(layout.blocks, 0x180);
  header.writeUInt32LE(image.taken, 0x184);
  uuidBytes(image.uuid).copy(header, 0x188);
  uuidBytes(randomUUID()).copy(header, 0x198);
  if (image.parent) {
    uuidBytes(image.parent.uuid).copy(header, 0x1a8);
    uuidBytes(image.parent.modifyUuid).copy(header, 0x1b8);
  }
  header.writeUInt32LE(512, 0x1d4);
  return header;
}

/** The UUID of an image that grows from no other; null for what is no such VDI image. */
export async function readVdiUuid(path: string): Promise<string | null> {
  const header = await readVdiHeader(path);
  return header === null || header.parentUuid !== null ? null : header.uuid;
}

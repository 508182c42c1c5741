import type { FileHandle } from 'node:fs/promises';

/** `cbDisk` of the header of version 1.1, which VirtualBox writes since 2.0 (src/VBox/Storage/VDICore.h). */
const sizeAt = 0x170;
const magicAt = 0x40;
const magic = 0xbeda107f;

/** Bytes of the disk in an open VDI image, from its header; null for what is none. */
export async function vdiSizeOf(file: Pick<FileHandle, 'read'>): Promise<number | null> {
  const header = Buffer.alloc(sizeAt + 8);
  const { bytesRead } = await file.read(header, 0, header.length, 0);
  if (bytesRead < header.length || header.readUInt32LE(magicAt) !== magic) return null;
  return Number(header.readBigUInt64LE(sizeAt));
}

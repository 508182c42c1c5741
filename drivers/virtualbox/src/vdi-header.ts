import { open } from 'node:fs/promises';

/** `u32Signature` of a VDI image. */
export const vdiSignature = 0xbeda107f;
export const vdiHeaderBytes = 512;
/** `u32Type` of a VDI image. */
export const imageTypes = { dynamic: 1, fixed: 2, difference: 4 } as const;

/** What the header of a VDI image says (version 1.1, which VirtualBox writes since 2.0: src/VBox/Storage/VDICore.h). */
export interface VdiHeader {
  uuid: string;
  /** Another one after each change of the content. */
  modifyUuid: string;
  /** The image that a differencing one grows from; null for one that is whole. */
  parentUuid: string | null;
  /** Bytes of the disk. */
  sizeBytes: number;
  /** Bytes that one entry of the block map stands for; the extra ones of each block lie before them. */
  blockBytes: number;
  extraBytes: number;
  blocks: number;
  /** Blocks that have data. */
  taken: number;
  mapOffset: number;
  dataOffset: number;
}

/** The header of the VDI image; null for what is none, and where there is no file. */
export async function readVdiHeader(path: string): Promise<VdiHeader | null> {
  const header = await readHead(path);
  if (header === null || header.readUInt32LE(0x40) !== vdiSignature || header.readUInt16LE(0x46) !== 1) return null;
  const type = header.readUInt32LE(0x4c);
  if (type !== imageTypes.dynamic && type !== imageTypes.fixed && type !== imageTypes.difference) return null;
  return {
    uuid: uuidAt(header, 0x188),
    modifyUuid: uuidAt(header, 0x198),
    parentUuid: type === imageTypes.difference ? uuidAt(header, 0x1a8) : null,
    sizeBytes: Number(header.readBigUInt64LE(0x170)),
    blockBytes: header.readUInt32LE(0x178),
    extraBytes: header.readUInt32LE(0x17c),
    blocks: header.readUInt32LE(0x180),
    taken: header.readUInt32LE(0x184),
    mapOffset: header.readUInt32LE(0x154),
    dataOffset: header.readUInt32LE(0x158),
  };
}

async function readHead(path: string): Promise<Buffer | null> {
  try {
    await using file = await open(path, 'r');
    const header = Buffer.alloc(vdiHeaderBytes);
    const { bytesRead } = await file.read(header, 0, vdiHeaderBytes, 0);
    return bytesRead < vdiHeaderBytes ? null : header;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

function uuidAt(header: Buffer, offset: number): string {
  const hex = swapFields(Buffer.from(header.subarray(offset, offset + 16))).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A UUID as it lies on disk. */
export function uuidBytes(uuid: string): Buffer {
  return swapFields(Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

/** The first three fields of a UUID are little endian on disk. */
function swapFields(bytes: Buffer): Buffer {
  bytes.subarray(0, 4).reverse();
  bytes.subarray(4, 6).reverse();
  bytes.subarray(6, 8).reverse();
  return bytes;
}

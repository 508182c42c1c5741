import type { FileHandle } from 'node:fs/promises';

/** A file beside the image that a part of the disk lies in. */
export interface VmdkExtent {
  file: string;
  /** Bytes that the file has to have for it: of a flat one, where its part of the disk ends. Zero where a header tells. */
  leastBytes: number;
}

/** What a VMDK image says of itself. */
export interface VmdkFacts {
  /** Bytes of the disk. */
  sizeBytes: number;
  /** VMware's name for how it lies in files, such as `monolithicSparse`. */
  createType: string;
  /** Files in its folder; none where the disk is in the image itself. */
  extents: VmdkExtent[];
}

/** Why an image is none that can be had: one sentence, without its subject. */
export class VmdkProblem extends Error {}

const sectorBytes = 512;
const mostDescriptorBytes = 1024 * 1024;
/** `KDMV`, of a sparse image (VMware's Virtual Disk Format 5.0; VirtualBox's VMDK.cpp). */
const sparseMagic = 0x564d444b;
const opening = '# Disk DescriptorFile';

/** The kinds that lie in files of their folder. Others are whole disks and partitions of a host, or volumes of another system. */
const kinds = ['monolithicSparse', 'streamOptimized', 'monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat'];

/**
 * What an open VMDK image says: its description is read as text, never followed. Every line has to be one that is
 * understood, so that VirtualBox finds nothing else in it. Null for what is no VMDK image.
 * @throws VmdkProblem
 */
export async function readVmdk(file: Pick<FileHandle, 'read'>): Promise<VmdkFacts | null> {
  const head = Buffer.alloc(sectorBytes);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  if (bytesRead >= sectorBytes && head.readUInt32LE(0) === sparseMagic) return readSparse(file, head);
  if (!head.subarray(0, bytesRead).toString('latin1').startsWith(opening)) return null;
  const text = Buffer.alloc(mostDescriptorBytes + 1);
  const { bytesRead: length } = await file.read(text, 0, text.length, 0);
  if (length > mostDescriptorBytes) throw new VmdkProblem('has a description that is too long');
  const { createType, sizeBytes, extents } = parseDescriptor(text.subarray(0, length).toString('latin1'));
  if (createType === 'streamOptimized' || (createType === 'monolithicSparse' && extents.length !== 1))
    throw new VmdkProblem('has a description that does not fit its kind');
  return { createType, sizeBytes, extents };
}

async function readSparse(file: Pick<FileHandle, 'read'>, head: Buffer): Promise<VmdkFacts> {
  const [at, sectors] = [head.readBigUInt64LE(28), head.readBigUInt64LE(36)];
  if (at === 0n || sectors === 0n || sectors > BigInt(mostDescriptorBytes / sectorBytes) || at > 0xffff_ffffn)
    throw new VmdkProblem('is a part of an image, or has no description in it');
  const text = Buffer.alloc(Number(sectors) * sectorBytes);
  await file.read(text, 0, text.length, Number(at) * sectorBytes);
  const { createType, sizeBytes, extents } = parseDescriptor(text.toString('latin1'));
  // VirtualBox takes the image itself for the one extent, whatever that is called.
  const whole = (createType === 'monolithicSparse' || createType === 'streamOptimized') && extents.length === 1;
  if (!whole) throw new VmdkProblem('has a description that does not fit its kind');
  return { createType, sizeBytes, extents: [] };
}

const extentPattern = /^(RW|RDONLY|NOACCESS) (\d{1,15}) (FLAT|SPARSE|ZERO)(?: "([^"]{1,255})")?(?: (\d{1,15}))?$/u;
const settingPattern = /^([A-Za-z][\w.]{0,100})\s*=\s*("[^"]*"|[^"]*)$/u;

/** The description of an image. Pure. @throws VmdkProblem */
export function parseDescriptor(text: string): VmdkFacts {
  const end = text.indexOf('\0');
  const lines = (end === -1 ? text : text.slice(0, end)).split('\n').map((line) => line.replace(/[ \t\r]+$/u, ''));
  if (!lines[0]?.startsWith(opening)) throw new VmdkProblem('has no description in it');
  const createTypes: string[] = [];
  const extents: VmdkExtent[] = [];
  let sectors = 0;
  for (const line of lines) {
    if (line === '' || line.startsWith('#')) continue;
    const extent = extentPattern.exec(line);
    if (extent) {
      const [, , count = '', kind = '', name, offset = '0'] = extent;
      sectors += Number(count);
      if (kind === 'ZERO' && name === undefined) continue;
      if (name === undefined || !isPlainName(name)) throw new VmdkProblem('names a file outside of its own folder');
      extents.push({ file: name, leastBytes: kind === 'FLAT' ? (Number(offset) + Number(count)) * sectorBytes : 0 });
      continue;
    }
    const setting = settingPattern.exec(line);
    if (!setting) throw new VmdkProblem('has a line in its description that is none of an image in files');
    if (setting[1]?.toLowerCase() === 'createtype') createTypes.push(setting[2]?.replaceAll('"', '') ?? '');
  }
  const [createType = '', second] = createTypes;
  if (second !== undefined || !kinds.includes(createType))
    throw new VmdkProblem(`is of the kind ${JSON.stringify(createType.slice(0, 40))}, which does not lie in files of its own folder`);
  return { createType, sizeBytes: sectors * sectorBytes, extents };
}

function isPlainName(name: string): boolean {
  return !/[/\\\p{Cc}]/u.test(name) && name !== '.' && name !== '..';
}

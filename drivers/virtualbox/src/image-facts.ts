import { type FileHandle, open } from 'node:fs/promises';

import { vdiSizeOf } from './vdi-size.ts';
import { readVhd } from './vhd-image.ts';
import { readVmdk, type VmdkExtent } from './vmdk-image.ts';

/** Formats of disks that VirtualBox writes its snapshots of in the same format, by its own names. */
export const imageFormats = { VDI: 'vdi', VMDK: 'vmdk', VHD: 'vhd' } as const;
export type ImageFormat = keyof typeof imageFormats;

/** What an image says of itself. */
export interface ImageFacts {
  /** Bytes of the disk. */
  sizeBytes: number;
  /**
   * VirtualBox makes its disk larger. Tried with 7.2.22: flat VMDK and dynamic VHD images grow with their data; a fixed VHD
   * is refused (VBOX_E_NOT_SUPPORTED); of a sparse or stream-optimised VMDK `modifymedium` says that it was done, and
   * nothing has changed.
   */
  canGrow: boolean;
  /** Further files in its folder that the disk lies in. */
  extents: VmdkExtent[];
}

/** What an open image of that format says; null for what is none. @throws VmdkProblem */
export async function imageFactsOf(file: Pick<FileHandle, 'read' | 'stat'>, format: ImageFormat): Promise<ImageFacts | null> {
  if (format === 'VMDK') {
    const vmdk = await readVmdk(file);
    return vmdk && { sizeBytes: vmdk.sizeBytes, canGrow: vmdk.createType === 'monolithicFlat', extents: vmdk.extents };
  }
  if (format === 'VHD') {
    const vhd = await readVhd(file);
    return vhd && { sizeBytes: vhd.sizeBytes, canGrow: !vhd.fixed, extents: [] };
  }
  const sizeBytes = await vdiSizeOf(file);
  return sizeBytes === null ? null : { sizeBytes, canGrow: true, extents: [] };
}

/** Bytes of the disk in an image of one of these formats; null for what is none. */
export async function imageSize(path: string): Promise<number | null> {
  await using file = await open(path, 'r');
  for (const format of Object.keys(imageFormats) as ImageFormat[]) {
    const facts = await imageFactsOf(file, format).catch(() => null);
    if (facts) return facts.sizeBytes;
  }
  return null;
}

import { NakhodaError } from '@nakhoda/schema';

/** Formats that a foreign disk may have, by QEMU's names. */
export const foreignDiskFormats = ['qcow2', 'raw', 'vdi', 'vmdk', 'vpc', 'vhdx'] as const;
export type ForeignDiskFormat = (typeof foreignDiskFormats)[number];

/** What a foreign disk image turned out to be. */
export interface DiskImage {
  format: ForeignDiskFormat;
  /** What a guest sees. */
  virtualSizeBytes: number;
  /** Names of snapshots inside the image; a copy does not have them. */
  snapshots: string[];
}

/** No disk of the world is larger; a header that says so is a mistake or an attack. */
const mostVirtualBytes = 64 * 1024 ** 4;

/**
 * The format that an image's own bytes tell, for the formats that can be told; null for anything else, which may be a
 * raw image. A guest can write any header into its raw disk, so a raw image has to be called one by whoever imports it.
 * Pure. @param head at least the first 512 bytes
 */
export function tellDiskFormat(head: Uint8Array): ForeignDiskFormat | 'vmdk-descriptor' | null {
  const bytes = Buffer.from(head);
  const begins = (magic: string): boolean => bytes.subarray(0, magic.length).equals(Buffer.from(magic, 'latin1'));
  if (begins('QFI\xfb')) return 'qcow2';
  if (begins('KDMV')) return 'vmdk';
  if (begins('# Disk DescriptorFile')) return 'vmdk-descriptor';
  if (begins('conectix')) return 'vpc';
  if (begins('vhdxfile')) return 'vhdx';
  // VDI_SIGNATURE at 0x40 (VirtualBox, VDICore.h).
  if (bytes.length >= 0x44 && bytes.readUInt32LE(0x40) === 0xbeda107f) return 'vdi';
  return null;
}

/** What `qemu-img info --output=json` says, as far as it is read. */
interface ImageInfo {
  'virtual-size'?: number;
  'backing-filename'?: string;
  'full-backing-filename'?: string;
  'encrypted'?: boolean;
  'snapshots'?: { name?: string }[];
  'format-specific'?: { data?: { 'data-file'?: string; 'create-type'?: string; 'extents'?: { filename?: string }[]; 'corrupt'?: boolean } };
}

/**
 * Whether an image stands alone and is whole, by what `qemu-img info` says of it. Pure.
 * @throws NakhodaError `storage.volume-refused` with the reason
 */
export function judgeDiskImage(path: string, format: ForeignDiskFormat, json: string): DiskImage {
  let info: ImageInfo;
  try {
    info = JSON.parse(json) as ImageInfo;
  } catch {
    throw refused(path, 'qemu-img does not tell what it is', 'Look at it with qemu-img info.');
  }
  const special = info['format-specific']?.data;
  const backing = info['backing-filename'] ?? info['full-backing-filename'];
  const flatten = 'Flatten it where it came from: qemu-img convert -O qcow2 IMAGE WHOLE.qcow2';
  if (backing !== undefined) throw refused(path, `it is a layer on another file (${backing.slice(0, 120)})`, flatten);
  if (special?.['data-file'] !== undefined) throw refused(path, `it keeps its data in another file (${special['data-file']})`, flatten);
  const extent = special?.extents?.find(({ filename }) => filename !== path);
  if (extent) throw refused(path, `it keeps its data in another file (${extent.filename ?? 'unnamed'})`, flatten);
  if (info.encrypted === true) throw refused(path, 'it is encrypted', 'Decrypt it first: qemu-img convert with its secret.');
  if (special?.corrupt === true) throw refused(path, 'it is marked as corrupt', `Try to repair a copy: qemu-img check -r all ${path}`);
  const virtualSizeBytes = info['virtual-size'] ?? 0;
  if (!Number.isSafeInteger(virtualSizeBytes) || virtualSizeBytes < 512 || virtualSizeBytes > mostVirtualBytes) {
    throw refused(path, `its size for a guest is ${virtualSizeBytes} bytes`, 'Give an image of a disk of 512 bytes to 64 TiB.');
  }
  return { format, virtualSizeBytes, snapshots: (info.snapshots ?? []).map(({ name }) => name ?? '') };
}

function refused(path: string, why: string, hint: string): NakhodaError {
  return new NakhodaError('storage.volume-refused', { message: `The disk image ${path} is refused: ${why}.`, hint });
}

import type { FileHandle } from 'node:fs/promises';

/** What a VHD image says of itself. */
export interface VhdFacts {
  /** Bytes of the disk. */
  sizeBytes: number;
  /** All of the disk is in the file; others take room when it is written to. */
  fixed: boolean;
}

const footerBytes = 512;

/**
 * What the footer of an open VHD image says (Microsoft's Virtual Hard Disk Image Format Specification). It lies at the
 * end. The parents' names in a differencing image are not looked at, nor does VirtualBox look there (7.2.22): it goes by
 * the list in the machine's file. Null for what is no VHD image.
 */
export async function readVhd(file: Pick<FileHandle, 'read' | 'stat'>): Promise<VhdFacts | null> {
  const { size } = await file.stat();
  if (size < footerBytes) return null;
  const footer = Buffer.alloc(footerBytes);
  await file.read(footer, 0, footerBytes, size - footerBytes);
  if (footer.toString('latin1', 0, 8) !== 'conectix') return null;
  const type = footer.readUInt32BE(60);
  // Fixed, dynamic, differencing.
  if (type < 2 || type > 4) return null;
  return { sizeBytes: Number(footer.readBigUInt64BE(48)), fixed: type === 2 };
}

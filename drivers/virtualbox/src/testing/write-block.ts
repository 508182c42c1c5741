import { open } from 'node:fs/promises';

import { readVdiHeader } from '../vdi-header.ts';

/**
 * Does to a VDI image what a guest's write of one whole block does, while nobody has it open. Block maps and data are
 * written as VirtualBox writes them; tests have VirtualBox read it back.
 * @param value what the block is filled with; null gives it back, so that it reads as zeros
 */
export async function writeBlock(path: string, block: number, value: number | null): Promise<void> {
  const header = await readVdiHeader(path);
  if (header === null) throw new Error(`${path} is no VDI image`);
  await using file = await open(path, 'r+');
  const word = Buffer.alloc(4);
  const put = async (number: number, at: number): Promise<void> => {
    word.writeUInt32LE(number);
    await file.write(word, 0, 4, at);
  };
  const entryAt = header.mapOffset + block * 4;
  if (value === null) {
    await put(0xffff_fffe, entryAt);
    return;
  }
  await file.read(word, 0, 4, entryAt);
  let entry = word.readUInt32LE();
  if (entry >= 0xffff_fffe) {
    const takenAt = 0x184;
    await file.read(word, 0, 4, takenAt);
    entry = word.readUInt32LE();
    await put(entry + 1, takenAt);
    await put(entry, entryAt);
  }
  await file.write(Buffer.alloc(header.blockBytes, value), 0, header.blockBytes, header.dataOffset + entry * header.blockBytes);
}

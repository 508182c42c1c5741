import { randomUUID } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';

import { NakhodaError } from '@nakhoda/schema';

import { readVdiHeader, vdiHeaderBytes } from './vdi-header.ts';
import type { VdiHeader } from './vdi-header.ts';
import { vdiHeader, vdiLayout } from './vdi-image.ts';

/** An entry of a block map: nothing was written there yet, so the image below has it. */
export const freeBlock = 0xffff_ffff;
/** An entry of a block map: the guest gave the block back; it reads as zeros, whatever the image below has. */
export const zeroBlock = 0xffff_fffe;

/**
 * Which image of a chain a block of the disk is read from, and which of its blocks that is; null for one of zeros. An
 * image that is smaller than those above it ends in zeros. Pure.
 * @param maps the block maps, from the top of the chain to the bottom
 */
export function blockSource(maps: readonly Uint32Array[], block: number): { image: number; entry: number } | null {
  for (const [image, map] of maps.entries()) {
    const entry = map[block] ?? freeBlock;
    if (entry === zeroBlock) return null;
    if (entry !== freeBlock) return { image, entry };
  }
  return null;
}

interface OpenImage {
  file: FileHandle;
  header: VdiHeader;
  map: Uint32Array;
  /** Changes when anything was written to the file. */
  stamp: string;
}

/**
 * Writes what a chain of VDI images holds into one dynamic image, which grows from no other and has a UUID of its own.
 * Blocks of zeros take no room. VirtualBox has no part in it: nothing is registered, locked, or left to be ended there
 * when this is broken off. The images must not change meanwhile. Safe on disk when it returns; a file that is left by a
 * failure has no header.
 * @param chain paths from the top of the chain to the bottom
 * @throws NakhodaError `vm.unsupported` for images that are no such chain; `vm.wrong-state` when one was written to
 */
export async function flattenVdi(chain: readonly string[], target: string, signal: AbortSignal): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const images: OpenImage[] = [];
  for (const path of chain) images.push(await openImage(opened, path));
  const top = images[0];
  if (!top || !isChain(images)) throw unreadable(chain[0] ?? target);
  const { sizeBytes, blockBytes } = top.header;
  const layout = vdiLayout({ sizeBytes, blockBytes });
  const map = new Uint32Array(layout.blocks).fill(freeBlock);
  const maps = images.map((image) => image.map);
  const buffer = Buffer.allocUnsafe(blockBytes);
  const file = opened.use(await open(target, 'wx', 0o600));
  let taken = 0;
  for (let block = 0; block < layout.blocks; block += 1) {
    signal.throwIfAborted();
    const source = blockSource(maps, block);
    const image = source && images[source.image];
    if (!image) continue;
    await readBlock(image, source.entry, buffer);
    if (isZero(buffer)) continue;
    await file.write(buffer, 0, blockBytes, layout.dataOffset + taken * blockBytes);
    map[block] = taken;
    taken += 1;
  }
  for (const [index, path] of chain.entries()) {
    if ((await stampOf(path)) !== images[index]?.stamp) {
      throw new NakhodaError('vm.wrong-state', {
        message: `The image ${path} was written to while it was copied.`,
        hint: 'Somebody started the VM by other means. Try again, or take a snapshot and clone that.',
      });
    }
  }
  const bytes = Buffer.from(map.buffer);
  await file.write(bytes, 0, bytes.length, layout.mapOffset);
  await file.truncate(layout.dataOffset + taken * blockBytes);
  await file.write(vdiHeader({ sizeBytes, blockBytes, uuid: randomUUID(), taken }), 0, vdiHeaderBytes, 0);
  await file.sync();
}

async function openImage(opened: AsyncDisposableStack, path: string): Promise<OpenImage> {
  const header = await readVdiHeader(path);
  if (header === null) throw unreadable(path);
  const stamp = await stampOf(path);
  const file = opened.use(await open(path, 'r'));
  const bytes = Buffer.alloc(header.blocks * 4);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, header.mapOffset);
  if (bytesRead !== bytes.length) throw unreadable(path);
  return { file, header, map: new Uint32Array(bytes.buffer, bytes.byteOffset, header.blocks), stamp };
}

/** Whether each image grows from the next, the last from none, all with blocks of one size. */
function isChain(images: readonly OpenImage[]): boolean {
  return images.every(
    ({ header }, index) =>
      header.parentUuid === (images[index + 1]?.header.uuid ?? null) && header.blockBytes === images[0]?.header.blockBytes,
  );
}

async function readBlock({ file, header }: OpenImage, entry: number, buffer: Buffer): Promise<void> {
  const { dataOffset, blockBytes, extraBytes } = header;
  const { bytesRead } = await file.read(buffer, 0, blockBytes, dataOffset + entry * (blockBytes + extraBytes) + extraBytes);
  // A file may end before its last block's end, where that was not written yet.
  buffer.fill(0, bytesRead);
}

function isZero(buffer: Buffer): boolean {
  return buffer[0] === 0 && buffer.subarray(1).equals(buffer.subarray(0, -1));
}

async function stampOf(path: string): Promise<string> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  return `${ino} ${size} ${mtimeNs}`;
}

function unreadable(path: string): NakhodaError {
  return new NakhodaError('vm.unsupported', {
    message: `The image ${path} and those that it grows from are no chain of VDI images that can be copied.`,
    hint: 'Look at it with VBoxManage showmediuminfo; only VDI images are cloned.',
  });
}

import { exec } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { ChainImage } from './block-nodes.ts';
import { copiesByItself, copyShares } from './image-copy.ts';
import type { ImageDisk } from './hardware/firmware.ts';
import { escapeCommas } from './hardware/parts.ts';

/** What `qemu-img info --output=json` says, as far as it is read. */
interface ImageInfo {
  'virtual-size'?: number;
  'backing-filename'?: string;
  'data-file'?: string;
  'format-specific'?: { data?: { 'data-file'?: string } };
}

export interface ImageTool {
  /** Makes an empty image; what a crash in the middle leaves is `<path>.new`. */
  create(disk: ImageDisk, signal: AbortSignal): Promise<void>;
  /** Makes a qcow2 image with the content of a raw file; what a crash in the middle leaves is `<path>.new`. */
  copyRaw(from: string, disk: ImageDisk, signal: AbortSignal): Promise<void>;
  /**
   * Makes an image with the content of a chain whose images nobody writes to; what a crash in the middle leaves is
   * `<path>.new`. `progress` is told shares from 0 to 1.
   */
  copyChain(
    chain: readonly ChainImage[],
    disk: ImageDisk,
    options: { signal: AbortSignal; progress: (fraction: number) => void },
  ): Promise<void>;
  /**
   * Looks at a chain that is to be cloned; gives the disk's size in bytes.
   * @throws NakhodaError `storage.volume-refused` when an image of it cannot be read, or names a data file
   */
  measure(chain: readonly ChainImage[], signal: AbortSignal): Promise<number>;
  /**
   * @param base what the image lies on by our own record; nothing for one that has to stand alone
   * @throws NakhodaError `storage.volume-refused` for anything but a qcow2 image that names no other file
   */
  check(disk: ImageDisk, base: readonly ChainImage[], signal: AbortSignal): Promise<void>;
  /**
   * Makes an image that is not in use at least as large as its disk.
   * @param held there are overlays over it, which would not grow with it
   * @param base what it lies on
   * @throws NakhodaError `vm.spec-invalid` for one that is larger; `snapshot.uses-disk` for one that is held
   */
  grow(disk: ImageDisk, options: { held: boolean; base: readonly ChainImage[] }, signal: AbortSignal): Promise<void>;
  /**
   * Makes an empty qcow2 image over another, which may be in use; what a crash in the middle leaves is `<path>.new`. It
   * is as large as that one, or as `sizeBytes`.
   */
  createOverlay(path: string, backing: ChainImage, sizeBytes?: number): Promise<void>;
  /** Merges the first image of a chain, none of which is in use for writing, into the second. The first stays as it is. */
  merge(chain: readonly ChainImage[]): Promise<void>;
  /** Names another backing image in the header of an overlay that is not in use; its content must be the same over it. */
  rebase(path: string, backing: ChainImage): Promise<void>;
}

/** What a half-made image is called until it is whole. */
export function temporaryImage(path: string): string {
  return `${path}.new`;
}

/** qemu-img, always with the format named: a guest can write any header into its disk. */
export function createImageTool(program: string): ImageTool {
  async function info(image: Pick<ImageDisk, 'path' | 'format'>, signal?: AbortSignal): Promise<ImageInfo> {
    const options = `driver=${image.format},file.driver=file,file.filename=${escapeCommas(image.path)}`;
    const argv = [program, 'info', '-U', '--output=json', '--image-opts', options];
    const { stdout } = await exec(argv, { timeoutMs: 20_000, maxOutputBytes: 4 * 1024 * 1024, ...(signal ? { signal } : {}) });
    return JSON.parse(stdout) as ImageInfo;
  }

  /** Lets the program make an image under another name, and gives it its own when it is whole. */
  async function make(disk: ImageDisk, signal: AbortSignal, args: (path: string) => readonly string[]): Promise<void> {
    return makeBy(disk, signal, async (path) => void (await exec([program, ...args(path)], { signal })));
  }

  async function makeBy(disk: ImageDisk, signal: AbortSignal, work: (path: string) => Promise<void>): Promise<void> {
    const path = temporaryImage(disk.path);
    try {
      await rm(path, { force: true });
      await work(path);
      await rename(path, disk.path);
    } catch (error) {
      await removeFile(path);
      if (signal.aborted) throw error;
      throw new NakhodaError('storage.failed', {
        message: `The disk ${disk.slot} could not be made: ${error instanceof Error ? error.message : String(error)}`,
        hint: 'Check the folder, its permissions and the free space.',
        cause: error,
      });
    }
  }

  return {
    create: (disk, signal) => make(disk, signal, (path) => ['create', '-q', '-f', disk.format, '--', path, String(disk.sizeBytes)]),

    copyRaw: (from, disk, signal) => make(disk, signal, (path) => ['convert', '-q', '-f', 'raw', '-O', disk.format, '--', from, path]),

    copyChain: (chain, disk, { signal, progress }) =>
      makeBy(disk, signal, async (path) => {
        const source = `json:${JSON.stringify({ ...nested(chain), 'force-share': true })}`;
        const paths = chain.map((image) => image.path);
        const offload = (await copiesByItself(paths, dirname(path))) ? ['-C'] : [];
        // It ends with this process: nobody would wait for one that went on.
        const argv = [...endsWithUs, program, 'convert', '-p', '-m', '16', ...offload, '-O', disk.format, '--', source, path];
        await exec(argv, { signal, timeoutMs: longMs, onStdout: (text) => copyShares(text).forEach(progress) });
        const { 'virtual-size': size = 0 } = await info({ path, format: disk.format }, signal);
        if (size < disk.sizeBytes) await exec([program, 'resize', '-q', '-f', disk.format, '--', path, String(disk.sizeBytes)], { signal });
        await flush(path);
      }),

    async measure(chain, signal) {
      const refuse = (path: string, reason: string): NakhodaError =>
        new NakhodaError('storage.volume-refused', {
          message: `${path} cannot be cloned: ${reason}`,
          hint: 'Look at the image with `qemu-img info`.',
        });
      const sizes: number[] = [];
      for (const image of chain) {
        const found = await info(image, signal).catch((error: unknown) => {
          throw signal.aborted ? error : refuse(image.path, error instanceof Error ? error.message : String(error));
        });
        if (found['format-specific']?.data?.['data-file'] !== undefined) throw refuse(image.path, 'it names a data file');
        sizes.push(found['virtual-size'] ?? 0);
      }
      return sizes[0] ?? 0;
    },

    async check(disk, base, signal) {
      let reason: string | null = null;
      try {
        const image = await info(disk, signal);
        const backing = image['backing-filename'];
        if (backing !== base[0]?.path)
          reason = backing === undefined ? 'it names no backing file, as it should' : 'it names a backing file';
        else if (image['format-specific']?.data?.['data-file'] !== undefined) reason = 'it names a data file';
      } catch (error) {
        if (signal.aborted) throw error;
        reason = error instanceof Error ? error.message : String(error);
      }
      if (reason === null) return;
      throw new NakhodaError('storage.volume-refused', {
        message: `${disk.path} is not a ${disk.format} image that stands alone: ${reason}`,
        hint: 'Convert it with `qemu-img convert -O qcow2`, or take the file away so that a new disk is made.',
      });
    },

    async grow(disk, { held, base }, signal) {
      const { 'virtual-size': size = 0 } = await info(disk, signal);
      if (size > wholeSectors(disk.sizeBytes)) throw smallerError(disk, size);
      if (size >= disk.sizeBytes) return;
      if (held) throw usesDiskError(disk.slot);
      const image = `json:${JSON.stringify(nested([{ layer: 0, path: disk.path, format: disk.format }, ...base]))}`;
      const argv = [program, 'resize', '-q', '--', image, String(disk.sizeBytes)];
      try {
        await exec(argv, { timeoutMs: 60_000, signal });
      } catch (error) {
        if (signal.aborted) throw error;
        throw new NakhodaError('storage.failed', {
          message: `The disk ${disk.slot} could not be grown: ${error instanceof Error ? error.message : String(error)}`,
          hint: 'Check the folder, its permissions and the free space.',
          cause: error,
        });
      }
    },

    async createOverlay(path, backing, sizeBytes) {
      const size = sizeBytes ?? (await info(backing))['virtual-size'];
      if (size === undefined) throw new Error(`qemu-img does not tell the size of ${backing.path}.`);
      const temporary = temporaryImage(path);
      await rm(temporary, { force: true });
      try {
        // `-u`: the backing image is not opened, so that nothing that its header names is either.
        await exec([program, 'create', '-q', '-f', 'qcow2', '-u', '-b', backing.path, '-F', backing.format, '--', temporary, String(size)]);
        await flush(temporary);
        await rename(temporary, path);
      } catch (error) {
        await removeFile(temporary);
        throw error;
      }
    },

    async merge(chain) {
      // It runs as the daemon's user, on images that a QEMU which is not trusted has written.
      for (const image of chain)
        if ((await info(image))['format-specific']?.data?.['data-file'] !== undefined) throw new Error(`${image.path} names a data file.`);
      // It ends with this process: one that went on would hold the images against whoever comes next.
      await exec([...endsWithUs, program, 'commit', '-q', '-d', `json:${JSON.stringify(nested(chain))}`], {
        timeoutMs: longMs,
      });
    },

    async rebase(path, backing) {
      await exec([program, 'rebase', '-q', '-u', '-f', 'qcow2', '-b', backing.path, '-F', backing.format, '--', path]);
    },
  };
}

/** Of copying a disk: this bounds a hopeless wait. */
const longMs = 6 * 60 * 60_000;
const endsWithUs = ['setpriv', '--pdeathsig', 'KILL', '--'];

async function flush(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/** A chain of images as one block node that leaves nothing to the images' own headers. */
function nested(chain: readonly ChainImage[]): Record<string, unknown> | null {
  const [top, ...below] = chain;
  if (!top) return null;
  const node = { driver: top.format, file: { driver: 'file', filename: top.path } };
  return top.format === 'qcow2' ? { ...node, backing: nested(below) } : node;
}

/** What QEMU makes of a size that ends within a sector. */
function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / 512) * 512;
}

/** What an image is refused with that has more than its disk is to have. */
export function smallerError({ slot, sizeBytes }: ImageDisk, size: number): NakhodaError {
  return new NakhodaError('vm.spec-invalid', {
    message: `The image of ${slot} has ${size} bytes, and is not made smaller: ${sizeBytes} bytes were asked for.`,
    hint: 'Ask for at least what it has.',
  });
}

/** What a change is refused with that a snapshot forbids. */
export function usesDiskError(slot: string): NakhodaError {
  return new NakhodaError('snapshot.uses-disk', {
    message: `A snapshot has ${slot} as it is, so it can neither go nor grow.`,
    hint: "Delete the VM's snapshots first.",
  });
}

/** What is refused that would change or delete images which another machine lies on, or is being copied from. */
export function heldError(vm: string, what: string): NakhodaError {
  return new NakhodaError('vm.has-clones', {
    message: `VM ${vm} ${what}: a clone needs its disk images as they are.`,
    hint: 'Remove its linked clones first, or wait until the clone that is being made is there.',
  });
}

/** Removes a file if it is there; a path that leads through something other than folders names none. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTDIR') throw error;
  });
}

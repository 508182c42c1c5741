import type { MachineDisk } from '@nakhoda/driver';
import { exec } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';
import { access, rename, rm } from 'node:fs/promises';

import { escapeCommas } from './command-line.ts';

/** What `qemu-img info --output=json` says, as far as it is read. */
interface ImageInfo {
  'virtual-size'?: number;
  'backing-filename'?: string;
  'data-file'?: string;
  'snapshots'?: { name: string }[];
  'format-specific'?: { data?: { 'data-file'?: string } };
}

export interface ImageTool {
  /** Makes an empty image; what a crash in the middle leaves is `<path>.new`. */
  create(disk: MachineDisk, signal: AbortSignal): Promise<void>;
  /** @throws NakhodaError `storage.volume-refused` for anything but a qcow2 image that stands alone. */
  check(disk: MachineDisk, signal: AbortSignal): Promise<void>;
  /** Names of the internal snapshots. The image may be in use. */
  snapshotNames(disk: MachineDisk): Promise<string[]>;
  /** Takes (`-c`), restores (`-a`) or deletes (`-d`) a snapshot of an image that is not in use. */
  snapshot(disk: MachineDisk, option: '-c' | '-a' | '-d', name: string): Promise<void>;
}

/** What a half-made image is called until it is whole. */
export function temporaryImage(path: string): string {
  return `${path}.new`;
}

/** qemu-img, always with the format named: a guest can write any header into its disk. */
export function createImageTool(program: string): ImageTool {
  const options = (disk: MachineDisk): string => `driver=${disk.format},file.driver=file,file.filename=${escapeCommas(disk.path)}`;

  async function info(disk: MachineDisk, signal?: AbortSignal): Promise<ImageInfo> {
    const argv = [program, 'info', '-U', '--output=json', '--image-opts', options(disk)];
    const { stdout } = await exec(argv, { timeoutMs: 20_000, maxOutputBytes: 4 * 1024 * 1024, ...(signal ? { signal } : {}) });
    return JSON.parse(stdout) as ImageInfo;
  }

  return {
    async create(disk, signal) {
      const path = temporaryImage(disk.path);
      try {
        await rm(path, { force: true });
        await exec([program, 'create', '-q', '-f', disk.format, '--', path, String(disk.sizeBytes)], { signal });
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
    },

    async check(disk, signal) {
      let reason: string | null = null;
      try {
        const image = await info(disk, signal);
        if (image['backing-filename'] !== undefined) reason = 'it names a backing file';
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

    async snapshotNames(disk) {
      return ((await info(disk)).snapshots ?? []).map((snapshot) => snapshot.name);
    },

    async snapshot(disk, option, name) {
      await exec([program, 'snapshot', '-q', option, name, '--image-opts', options(disk)], { timeoutMs: 600_000 });
    },
  };
}

/** Removes a file if it is there; a path that leads through something other than folders names none. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTDIR') throw error;
  });
}

/** True when there is a file of that path. */
export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

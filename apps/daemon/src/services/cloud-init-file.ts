import { access, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { type CloudInitImage, cloudInitImage, writeFileAtomic } from '@nakhoda/host';
import type { VmSpec } from '@nakhoda/schema';

import type { DataFolders } from '../config.ts';

/** A VM's cloud-init image and its absolute path; null for a VM without. Pure. @throws NakhodaError `vm.spec-invalid` */
export function cloudInitFile(spec: VmSpec, folders: DataFolders): (CloudInitImage & { path: string }) | null {
  if (spec.cloudInit === null) return null;
  const image = cloudInitImage(spec.cloudInit, { name: spec.name, uuid: spec.uuid, nics: spec.nics });
  return { ...image, path: join(folders.images, String(spec.vmid), image.fileName) };
}

/**
 * Writes the image where it is missing. Former ones stay until the VM is destroyed: snapshots, and the present run,
 * may still need them.
 */
export async function writeCloudInitFile(spec: VmSpec, folders: DataFolders): Promise<void> {
  const file = cloudInitFile(spec, folders);
  if (file === null) return;
  try {
    await access(file.path);
  } catch {
    await mkdir(dirname(file.path), { recursive: true, mode: 0o700 });
    await writeFileAtomic(file.path, file.data);
  }
}

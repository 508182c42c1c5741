import { createHash } from 'node:crypto';

import type { CloudInit } from '@nakhoda/schema';

import { isoImage } from './iso-image.ts';
import { type CloudInitMachine, planCloudInit } from './plan-cloud-init.ts';

/** A cloud-init drive's image, and the name of its file, which another content would not have. */
export interface CloudInitImage {
  fileName: string;
  data: Buffer;
}

/** Every name that such an image has had. */
export const cloudInitFilePattern = /^cloud-init-[0-9a-f]{16}\.iso$/;

/**
 * Makes the image of a VM's cloud-init drive. Another content is another instance to the guest's cloud-init, which then
 * does everything anew, and so is a clone, whose UUID is another. Pure.
 * @throws NakhodaError `vm.spec-invalid`
 */
export function cloudInitImage(config: CloudInit, machine: Omit<CloudInitMachine, 'instanceId'> & { uuid: string }): CloudInitImage {
  const content = planCloudInit(config, { ...machine, instanceId: machine.uuid });
  const instanceId = `${machine.uuid}-${digestOf(JSON.stringify(content)).slice(0, 8)}`;
  const files = planCloudInit(config, { ...machine, instanceId });
  const data = isoImage(
    'cidata',
    files.map((file) => ({ name: file.name, data: Buffer.from(file.content, 'utf8') })),
  );
  return { fileName: `cloud-init-${digestOf(data).slice(0, 16)}.iso`, data };
}

function digestOf(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

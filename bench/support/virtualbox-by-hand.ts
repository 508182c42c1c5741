import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { daemonVirtualBox } from '../../test/support/daemon-virtualbox.ts';

/** VBoxManage as a person would type it, on a registry. */
export type VBoxManageByHand = (args: readonly string[]) => Promise<string>;

/** A VirtualBox with a registry of its own, into whose run time nothing leads quicker than the daemon's way: that is the same for both. */
export interface VirtualBoxByHand {
  vboxManage: VBoxManageByHand;
  /** Where it may make VMs. */
  vms: string;
}

/** @throws Error when VirtualBox is not set up */
export async function virtualBoxByHand(folder: string): Promise<VirtualBoxByHand> {
  const virtualBox = await daemonVirtualBox(folder);
  const vms = join(folder, 'images', 'by-hand');
  await mkdir(vms, { recursive: true });
  await virtualBox.handOver(vms);
  return { vboxManage: virtualBox.vboxManage, vms };
}

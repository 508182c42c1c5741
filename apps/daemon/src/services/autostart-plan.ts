import type { VmSpec } from '@nakhoda/schema';

/** A VM to be started, and the pause before the next. */
export interface AutostartEntry {
  vmid: number;
  name: string;
  delaySeconds: number;
}

/** VMs that start with the host: by their order, then by vmid. Pure. */
export function planAutostart(specs: readonly VmSpec[]): AutostartEntry[] {
  return specs
    .filter((spec) => spec.autostart && !spec.template)
    .toSorted((a, b) => a.startOrder - b.startOrder || a.vmid - b.vmid)
    .map(({ vmid, name, startDelaySeconds }) => ({ vmid, name, delaySeconds: startDelaySeconds }));
}

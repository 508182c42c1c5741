import type { PendingChange, Vm } from '@nakhoda/schema';

interface Device {
  readonly slot: string;
}

/** The VM with the hardware that its present run has: what is pending is put back to what it was. Pure. */
export function runningHardware(vm: Vm): Vm {
  return vm.pending.reduce(withFormer, vm);
}

function withFormer(vm: Vm, { field, running }: PendingChange): Vm {
  const { list, slot, part } = fieldPlace(field);
  if (slot === null || (list !== 'disks' && list !== 'nics')) return { ...vm, [field]: running };
  const devices: readonly Device[] = vm[list];
  if (part !== null) {
    return { ...vm, [list]: devices.map((device) => (device.slot === slot ? { ...device, [part]: running } : device)) };
  }
  const others = devices.filter((device) => device.slot !== slot);
  const present = running === null ? others : [...others, running as Device];
  return { ...vm, [list]: present.toSorted((a, b) => a.slot.localeCompare(b.slot, 'en')) };
}

/** Where a pending field lies: `disks.disk1.bus` → disks, disk1, bus; `memoryMiB` → memoryMiB alone. */
export function fieldPlace(field: string): { readonly list: string; readonly slot: string | null; readonly part: string | null } {
  const [list = '', slot = null, part = null] = field.split('.');
  return { list, slot, part };
}

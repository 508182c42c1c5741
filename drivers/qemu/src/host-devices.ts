import type { MachineSpec } from '@nakhoda/driver';
import { NakhodaError } from '@nakhoda/schema';

import { type HostDeviceFacts, type PciDevice, type UsbDevice, usbNode, vfioNode } from './host-device-facts.ts';

/** What a VM's QEMU needs of the host for the devices that it is given. */
export interface HostDevicePlan {
  /** The node of each USB device, by the device's name in the spec. */
  usb: Record<string, string>;
  /** Device nodes that QEMU opens, all of them. */
  nodes: string[];
  /** Folders of sysfs that QEMU reads: it learns a PCI device's IOMMU group there. */
  folders: string[];
  /** Bytes that QEMU locks into memory for PCI devices, which write into the guest's memory by themselves; null without any. */
  lockedBytes: number | null;
}

/** Of a VM that is given none. */
export const noHostDevices: HostDevicePlan = { usb: {}, nodes: [], folders: [], lockedBytes: null };

const mebibyte = 1024 * 1024;
/** Beside the guest's memory the devices' own areas are mapped, too; libvirt leaves as much for them (qemuDomainGetMemLockLimitBytes). */
const lockMarginBytes = 1024 * mebibyte;
/** Drivers whose devices keep no IOMMU group from being given away (Documentation/driver-api/vfio.rst). */
const harmlessDrivers = new Set(['vfio-pci', 'pci-stub', 'pcieport']);

/**
 * Finds the devices of the host that a VM is to get. `used` tells which nodes other running VMs have. Pure.
 * @throws NakhodaError `vm.start-failed` with the first that it cannot have, why, and what to do
 */
export function planHostDevices(
  spec: Pick<MachineSpec, 'name' | 'hostDevices' | 'memoryMiB' | 'memoryMaxMiB'>,
  facts: HostDeviceFacts,
  used: ReadonlyMap<string, string>,
): HostDevicePlan {
  const plan: HostDevicePlan = { usb: {}, nodes: [], folders: [], lockedBytes: null };
  for (const name of spec.hostDevices) {
    const refuse = (message: string, hint: string): never => {
      throw new NakhodaError('vm.start-failed', { message: `VM ${spec.name} cannot have ${name}: ${message}`, hint });
    };
    const free = (node: string): string => {
      const other = used.get(node);
      if (other !== undefined) refuse(`VM ${other} has it.`, `Stop VM ${other}, or take the device out of one of the two.`);
      return node;
    };
    if (name.startsWith('usb:')) {
      const node = free(usbNode(findUsb(name, facts, refuse)));
      if (plan.nodes.includes(node)) refuse('it is named a second time, in another way.', 'Name each device once.');
      if (!facts.nodes.has(node)) refuse(`its device node ${node} is missing.`, 'Look whether udev, or who else makes /dev, runs.');
      plan.usb[name] = node;
      plan.nodes.push(node);
    } else {
      const { address, group } = findPci(name.slice('pci:'.length), facts, refuse);
      const node = free(`/dev/vfio/${group}`);
      for (const one of [vfioNode, node])
        if (!facts.nodes.has(one)) refuse(`the device node ${one} is missing.`, 'Load the kernel module: modprobe vfio-pci.');
      plan.nodes.push(...[vfioNode, node].filter((one) => !plan.nodes.includes(one)));
      plan.folders.push(`/sys/bus/pci/devices/${address}`);
      plan.lockedBytes = Math.max(spec.memoryMiB, spec.memoryMaxMiB) * mebibyte + lockMarginBytes;
      if (plan.lockedBytes > facts.mostLockedBytes)
        refuse(
          `QEMU has to lock ${plan.lockedBytes / mebibyte} MiB of memory for it, and the daemon may allow ${Math.floor(facts.mostLockedBytes / mebibyte)} MiB.`,
          'Give the daemon CAP_SYS_RESOURCE, or raise its limit (LimitMEMLOCK= of its unit, `ulimit -l`).',
        );
    }
  }
  return plan;
}

type Refuse = (message: string, hint: string) => never;

/** By vendor and product, or by its place. */
function findUsb(name: string, { usb }: HostDeviceFacts, refuse: Refuse): UsbDevice {
  const [, first = '', product] = name.split(':');
  const fits = (device: UsbDevice): boolean =>
    product === undefined ? device.port === first : device.vendor === first && device.product === product;
  const found = usb.filter(fits);
  const [device, ...others] = found;
  if (!device) {
    return product === undefined
      ? refuse('nothing is plugged in there.', 'Look at the ports with `lsusb -t`, plug it in, or take it out of the VM.')
      : refuse('no such USB device is plugged into the host.', 'Plug it in, or take it out of the VM.');
  }
  if (others.length > 0)
    return refuse(
      `${found.length} such devices are plugged in.`,
      `Name one by its port: ${found.map(({ port }) => `usb:${port}`).join(', ')}.`,
    );
  return device.isHub ? refuse('it is a hub.', 'Name the devices behind it.') : device;
}

function findPci(address: string, { pci }: HostDeviceFacts, refuse: Refuse): PciDevice & { group: string } {
  const device = pci.find((one) => one.address === address);
  if (!device) return refuse('the host has no such PCI device.', 'Look at its address with `lspci -D`.');
  const { driver, group } = device;
  if (device.isBridge) return refuse('it is a bridge.', 'Name the device behind it.');
  if (group === null) return refuse('it is in no IOMMU group.', 'Enable VT-d or AMD-Vi in the firmware and the kernel (intel_iommu=on).');
  if (driver !== 'vfio-pci') return refuse(`it is in the hands of ${driver ?? 'no driver'}, not of vfio-pci.`, bindHint([device]));
  const foreign = pci.filter((one) => one.group === group && one.driver !== null && !harmlessDrivers.has(one.driver));
  if (foreign.length === 0) return { ...device, group };
  const list = foreign.map((one) => `${one.address} (${one.driver})`).join(', ');
  return refuse(`the host uses other devices of its IOMMU group ${group}: ${list}. They go together or not at all.`, bindHint(foreign));
}

/** For each device by sysfs alone, as Documentation/ABI/testing/sysfs-bus-pci describes `driver_override`. */
function bindHint(devices: readonly PciDevice[]): string {
  const commands = devices.map(({ address, driver }) => {
    const folder = `/sys/bus/pci/devices/${address}`;
    const unbind = driver === null ? '' : `echo ${address} > ${folder}/driver/unbind; `;
    return `echo vfio-pci > ${folder}/driver_override; ${unbind}echo ${address} > /sys/bus/pci/drivers_probe`;
  });
  return `Where the host can do without, as root: modprobe vfio-pci; ${commands.join('; ')}`;
}

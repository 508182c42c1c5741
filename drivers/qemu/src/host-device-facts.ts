import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A USB device as the kernel shows it below /sys/bus/usb/devices. */
export interface UsbDevice {
  /** Bus and ports, such as `1-2.3`: its place, which stays while it is plugged in there. */
  port: string;
  /** Four hexadecimal digits each. */
  vendor: string;
  product: string;
  /** Decimal; its number on the bus is another each time it is plugged in. */
  bus: number;
  device: number;
  isHub: boolean;
}

/** A PCI device as the kernel shows it below /sys/bus/pci/devices. */
export interface PciDevice {
  address: string;
  /** Null where no driver has it. */
  driver: string | null;
  /** Null without an IOMMU. */
  group: string | null;
  isBridge: boolean;
}

/** What decides whether a VM can have a device of the host. */
export interface HostDeviceFacts {
  usb: readonly UsbDevice[];
  pci: readonly PciDevice[];
  /** Device nodes that exist, of those that VMs are given. */
  nodes: ReadonlySet<string>;
  /** Bytes of memory that the daemon can let a process lock; Infinity for no limit. */
  mostLockedBytes: number;
}

/** Places of the host's devices; tests give folders of their own. */
export interface HostDeviceFolders {
  sys: string;
  dev: string;
}

const kernelFolders: HostDeviceFolders = { sys: '/sys', dev: '/dev' };

/** Looks at the host's USB and PCI devices; what the kernel lacks is empty. */
export async function readHostDeviceFacts({ sys, dev }: HostDeviceFolders = kernelFolders): Promise<HostDeviceFacts> {
  const usbFolder = join(sys, 'bus', 'usb', 'devices');
  const pciFolder = join(sys, 'bus', 'pci', 'devices');
  const usb = await Promise.all((await names(usbFolder)).map((name) => readUsb(usbFolder, name)));
  const pci = await Promise.all((await names(pciFolder)).map((address) => readPci(join(pciFolder, address), address)));
  const found = usb.filter((device) => device !== null);
  const wanted = [...found.map(usbNode), vfioNode, ...(await names(join(dev, 'vfio'))).map((name) => `/dev/vfio/${name}`)];
  const nodes = new Set<string>();
  for (const node of wanted) if (await isCharacterDevice(join(dev, node.slice('/dev/'.length)))) nodes.add(node);
  return { usb: found, pci, nodes, mostLockedBytes: mostLocked(await read('/proc/self/limits'), await read('/proc/self/status')) };
}

/** From /proc/self/limits and /proc/self/status: the hard limit, which CAP_SYS_RESOURCE (bit 24 of linux/capability.h) raises. Pure. */
export function mostLocked(limits: string, status: string): number {
  const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const hard = /^Max locked memory\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === 'unlimited' || (capabilities & (1n << 24n)) !== 0n ? Infinity : Number(hard ?? 0);
}

/** The node of all VFIO. */
export const vfioNode = '/dev/vfio/vfio';

export function usbNode({ bus, device }: Pick<UsbDevice, 'bus' | 'device'>): string {
  const three = (value: number): string => String(value).padStart(3, '0');
  return `/dev/bus/usb/${three(bus)}/${three(device)}`;
}

/** Null for interfaces (`1-2:1.0`) and controllers (`usb1`). */
async function readUsb(folder: string, port: string): Promise<UsbDevice | null> {
  if (!/^\d+-[\d.]+$/.test(port)) return null;
  const text = (file: string): Promise<string> => read(join(folder, port, file));
  const [vendor, product, bus, device, kind] = await Promise.all(['idVendor', 'idProduct', 'busnum', 'devnum', 'bDeviceClass'].map(text));
  if (!vendor || !product || !bus || !device) return null;
  return { port, vendor, product, bus: Number(bus), device: Number(device), isHub: kind === '09' };
}

async function readPci(folder: string, address: string): Promise<PciDevice> {
  const link = (name: string): Promise<string | null> => readlink(join(folder, name)).then(basename, () => null);
  return {
    address,
    driver: await link('driver'),
    group: await link('iommu_group'),
    // Base class and subclass of linux/pci_ids.h: 0x0604 is a PCI bridge, 0x0600 the host's own.
    isBridge: (await read(join(folder, 'class'))).startsWith('0x06'),
  };
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function read(path: string): Promise<string> {
  return readFile(path, 'utf8').then(
    (content) => content.trim(),
    () => '',
  );
}

async function isCharacterDevice(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isCharacterDevice(),
    () => false,
  );
}

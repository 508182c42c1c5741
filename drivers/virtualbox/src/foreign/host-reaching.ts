import { contentOf, findAll, getAttribute, nameOf, setAttribute, type OrderedNode } from './ordered-xml.ts';

/**
 * A person's machine runs with the daemon's rights once it is adopted, and its settings name files and devices of the
 * host: folders that the guest may write, serial ports that end in a file, a picture for the BIOS, extra data that loads
 * anything. So only what is known to stay inside the machine comes along; the rest waits in the person's own file.
 */
const machineParts = ['Description', 'Groups', 'MediaRegistry', 'ExtraData', 'Snapshot', 'Hardware', 'StorageControllers'];
const hardwareParts = [
  ...['CPU', 'Memory', 'Firmware', 'BIOS', 'TrustedPlatformModule', 'HID', 'Boot', 'Display', 'Chipset', 'IOMMU', 'Paravirt'],
  ...['USB', 'USBController', 'Network', 'UART', 'AudioAdapter', 'RTC', 'Clipboard', 'DragAndDrop', 'StorageControllers', 'IO'],
  ...['Guest', 'GuestProperties'],
];
const biosParts = [
  ...['ACPI', 'IOAPIC', 'APIC', 'Logo', 'BootMenu', 'TimeOffset', 'NVRAM', 'SmbiosUuidLittleEndian', 'AutoSerialNumGen'],
  'TrustedPlatformModule',
];
const snapshotParts = ['Description', 'Hardware', 'StorageControllers', 'Snapshots'];

/** Parts of a machine's hardware that are put back from the person's own file when the VM is given back. */
export function isRestored(name: string): boolean {
  return !hardwareParts.includes(name) || ['Network', 'UART', 'USB', 'BIOS'].includes(name);
}

export function isKeptOfMachine(name: string): boolean {
  return machineParts.includes(name);
}

/** Extra data that tells VirtualBox's inside what to do. */
export function isInnerKey(key: string): boolean {
  return key.startsWith('VBoxInternal');
}

/** Takes out of a machine, or of a snapshot, what reaches into the host; gives the names of what was taken. */
export function takeOutHostReaching(node: OrderedNode): string[] {
  const gone = new Set<string>();
  const filter = (parent: OrderedNode, kept: readonly string[]): void => {
    const content = contentOf(parent);
    for (const inner of [...content]) {
      const name = nameOf(inner);
      if (name.startsWith('#') || kept.includes(name)) continue;
      content.splice(content.indexOf(inner), 1);
      // An empty one says nothing.
      if (contentOf(inner).some((part) => !nameOf(part).startsWith('#')) || Object.keys(inner[':@'] ?? {}).length > 0) gone.add(name);
    }
  };
  filter(node, nameOf(node) === 'Machine' ? machineParts : snapshotParts);
  for (const hardware of findAll(contentOf(node), 'Hardware')) {
    filter(hardware, hardwareParts);
    for (const bios of findAll(contentOf(hardware), 'BIOS')) {
      filter(bios, biosParts);
      for (const logo of findAll(contentOf(bios), 'Logo')) setAttribute(logo, 'imagePath', undefined);
    }
    for (const usb of findAll(contentOf(hardware), 'USB')) filter(usb, ['Controllers']);
  }
  for (const extra of findAll(contentOf(node), 'ExtraData')) {
    const items = contentOf(extra);
    for (const item of findAll(items, 'ExtraDataItem')) {
      if (!isInnerKey(getAttribute(item, 'name') ?? '')) continue;
      items.splice(items.indexOf(item), 1);
      gone.add('ExtraData VBoxInternal');
    }
  }
  return [...gone];
}

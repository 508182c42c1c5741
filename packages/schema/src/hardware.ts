import { Type } from 'typebox';

const closed = { additionalProperties: false } as const;

/** Chipsets by QEMU's names; VirtualBox calls them ICH9 and PIIX3. */
export const machineNames = ['q35', 'i440fx'] as const;
export const MachineName = Type.Enum(machineNames, { description: 'chipset: q35 or i440fx (on VirtualBox: ICH9 or PIIX3)' });
export type MachineName = (typeof machineNames)[number];

export const firmwareNames = ['bios', 'uefi'] as const;
export const FirmwareName = Type.Enum(firmwareNames, { description: 'bios or uefi' });
export type FirmwareName = (typeof firmwareNames)[number];

export const diskBuses = ['virtio', 'scsi', 'sata', 'ide', 'nvme'] as const;
export const DiskBus = Type.Enum(diskBuses, {
  description: 'what the disk hangs on: virtio (virtio-blk), scsi (virtio-scsi), sata, ide, nvme',
});
export type DiskBus = (typeof diskBuses)[number];

/** Cache modes by QEMU's names. */
export const diskCaches = ['none', 'writeback', 'writethrough', 'directsync', 'unsafe'] as const;
export const DiskCache = Type.Enum(diskCaches, {
  description: "how the host's cache is used: none, writeback, writethrough, directsync, unsafe",
});
export type DiskCache = (typeof diskCaches)[number];

export const nicModels = ['virtio', 'e1000', 'e1000e', 'rtl8139', 'vmxnet3', 'pcnet'] as const;
export const NicModel = Type.Enum(nicModels, { description: 'network card: virtio, e1000, e1000e, rtl8139, vmxnet3, pcnet' });
export type NicModel = (typeof nicModels)[number];

/** A NIC's address: unicast, so that its first pair is even. Upper case is taken and kept in lower case. */
export const MacAddress = Type.String({
  pattern: '^[0-9A-Fa-f][02468ACEace](:[0-9A-Fa-f]{2}){5}$',
  maxLength: 17,
  description: 'a unicast MAC address: six pairs of hexadecimal digits with colons, the first pair even, such as 02:4e:4b:00:00:01',
});

export const displayNames = ['none', 'std', 'virtio', 'qxl', 'vmware'] as const;
export const DisplayName = Type.Enum(displayNames, { description: 'graphics card: none, std, virtio, qxl, vmware' });
export type DisplayName = (typeof displayNames)[number];

export const watchdogActions = ['none', 'reset', 'poweroff', 'pause'] as const;
export const WatchdogAction = Type.Enum(watchdogActions, { description: 'what a watchdog that is not fed does; none: no watchdog' });
export type WatchdogAction = (typeof watchdogActions)[number];

/** A processor by QEMU's name; `default` is the driver's choice for the host, `host` the host's own. */
export const CpuModel = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
  maxLength: 64,
  description: "processor: default, host, or a model's name such as x86-64-v2-AES",
});

/**
 * A device of the host that the guest gets for itself: `usb:VENDOR:PRODUCT` in hexadecimal, `usb:BUS-PORT.PORT…` as the kernel
 * names it by its place, or `pci:DOMAIN:BUS:SLOT.FUNCTION`, hexadecimal.
 */
export const HostDevice = Type.String({
  pattern: '^(usb:[0-9a-f]{4}:[0-9a-f]{4}|usb:[0-9]{1,3}-[0-9]{1,2}([.][0-9]{1,2}){0,5}|pci:[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7])$',
  maxLength: 32,
  description: 'a device of the host: usb:046d:c52b, by its port usb:1-2, or pci:0000:01:00.0',
});

/** A device that can be booted from. */
export const BootDevice = Type.String({
  pattern: '^(cdrom|disk[0-9]|net[0-9])$',
  maxLength: 8,
  description: 'cdrom, disk0 to disk9, net0 to net9',
});

/** Most that a disk may do, or 0 for no limit. */
export const DiskLimits = {
  iopsLimit: Type.Integer({ minimum: 0, maximum: 10_000_000, description: 'operations a second, 0 for no limit' }),
  mbpsLimit: Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'megabytes (10^6 bytes) a second, 0 for no limit' }),
};

/** The hardware of a VM but for its disks, CD drive and NICs: one flat record, so that every field is a flag and a form's field. */
export const VmHardware = {
  sockets: Type.Integer({ minimum: 1, maximum: 16, description: 'sockets; the guest has so many times --cores processors' }),
  cpuModel: CpuModel,
  cpuLimit: Type.Number({ minimum: 0, maximum: 256, description: "most of the host's cores that it may use, 0 for no limit" }),
  cpuShares: Type.Integer({ minimum: 1, maximum: 10_000, description: 'its share of scarce processor time; 100 is usual' }),
  balloonMiB: Type.Integer({
    minimum: 0,
    maximum: 16_777_216,
    description: 'MiB that it may be shrunk to when memory is scarce, 0 for no ballooning',
  }),
  memoryMaxMiB: Type.Integer({
    minimum: 0,
    maximum: 16_777_216,
    description: 'MiB that it may be given while it runs, 0 for no more than it was started with',
  }),
  machine: MachineName,
  firmware: FirmwareName,
  secureBoot: Type.Boolean({ description: 'UEFI boots signed code only' }),
  tpm: Type.Boolean({ description: 'a TPM 2.0' }),
  display: DisplayName,
  displayMemoryMiB: Type.Integer({ minimum: 1, maximum: 512, description: 'MiB of the graphics card' }),
  bootOrder: Type.Array(BootDevice, { maxItems: 16, description: 'devices to boot from, in order' }),
  serialPorts: Type.Integer({ minimum: 1, maximum: 2, description: 'serial ports; the first is the console' }),
  audio: Type.Boolean({ description: 'a sound card' }),
  rng: Type.Boolean({ description: 'a source of random numbers (virtio-rng)' }),
  watchdog: WatchdogAction,
  hostDevices: Type.Array(HostDevice, { maxItems: 8, description: 'devices of the host, for it alone' }),
};

/**
 * Which hardware a hypervisor gives here. The first of each list is what a new VM gets. A list of one, or false,
 * means that there is no choice; `reasons` tells why, by field.
 */
export const HardwareSupport = Type.Object(
  {
    maxSockets: Type.Integer({ minimum: 1 }),
    cpuModels: Type.Array(Type.String()),
    machines: Type.Array(MachineName),
    firmwares: Type.Array(FirmwareName),
    diskBuses: Type.Array(DiskBus),
    diskCaches: Type.Array(DiskCache),
    nicModels: Type.Array(NicModel),
    displays: Type.Array(DisplayName),
    watchdogs: Type.Array(WatchdogAction),
    rng: Type.Boolean({ description: 'there is a source of random numbers' }),
    maxDisplayMemoryMiB: Type.Integer({ minimum: 1 }),
    maxSerialPorts: Type.Integer({ minimum: 1 }),
    /** Fields that may be other than their default: `tpm`, `cpuLimit`, `ssd` and so on. */
    fields: Type.Array(Type.String()),
    reasons: Type.Record(Type.String(), Type.String()),
  },
  closed,
);
export type HardwareSupport = Type.Static<typeof HardwareSupport>;

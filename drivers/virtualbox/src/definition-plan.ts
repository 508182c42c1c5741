import { join } from 'node:path';

import type { MachineDisk, MachineNic, MachineSpec } from '@nakhoda/driver';
import type { Execution } from '@nakhoda/schema';

import type { ObservedAttachment, ObservedMachine } from './machine-file.ts';
import { wholeSectors } from './vdi-image.ts';

/** One call of VBoxManage. */
export interface DefinitionStep {
  args: string[];
  /** True when it changes VirtualBox's list of media or machines, which is shared by all VMs. */
  media: boolean;
  /** The image that the step makes, for the undoing. */
  makes?: string;
}

/** Name of the controller with the CD drive, and with the disks where IDE has room for them. */
export const ideController = 'ide';
export const sataController = 'sata';

/** Sockets of the VM's serial ports in its runtime folder. */
export function serialSocket(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'serial.sock');
}

/** The guest agent's: the second serial port, with QEMU's guest agent protocol on it. */
export function agentSocket(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'agent.sock');
}

/** A place for an image on a controller. */
export interface Place {
  controller: string;
  port: number;
  device: number;
}

/** The CD drive's: IDE's secondary master. */
const cdPlace: Place = { controller: ideController, port: 1, device: 0 };

/** The cloud-init drive's, where there is one: the slave beside the CD drive. */
const cloudInitPlace: Place = { controller: ideController, port: 1, device: 1 };

/** What IDE has left beside the CD drive, in the order in which Linux names them; the last is the cloud-init drive's. */
const ideDiskPlaces: Place[] = [
  { controller: ideController, port: 0, device: 0 },
  { controller: ideController, port: 0, device: 1 },
  { controller: ideController, port: 1, device: 1 },
];

function slotNumber(slot: string): number {
  return Number(/\d+$/.exec(slot)?.[0] ?? 0);
}

/**
 * Where each disk goes. In the interpreter on IDE as long as there is room: a guest that finds no AHCI boots some
 * 2 s (a tenth) faster, measured with 7.2.22 and the tiny guest. Otherwise on SATA, which is faster in use.
 */
function placeDisks({ disks, cloudInit }: Pick<MachineSpec, 'disks' | 'cloudInit'>, mode: Execution['mode']): Map<MachineDisk, Place> {
  const numbers = disks.map((disk) => slotNumber(disk.slot));
  const room = ideDiskPlaces.length - (cloudInit === undefined ? 0 : 1);
  const onIde = mode === 'interpreter' && numbers.every((number) => number < room);
  return new Map(
    disks.map((disk, index) => {
      const number = numbers[index] ?? index;
      const ide = onIde ? ideDiskPlaces[number] : undefined;
      return [disk, ide ?? { controller: sataController, port: number, device: 0 }];
    }),
  );
}

/** The call that makes VirtualBox know the VM. */
export function createStep(spec: MachineSpec, name: string): DefinitionStep {
  const args = ['createvm', '--name', name, '--uuid', spec.uuid, '--basefolder', spec.directory, '--ostype', 'Linux26_64', '--register'];
  return { args, media: true };
}

/** For people who look at the VM with VirtualBox's own tools. */
export function descriptionArgs(spec: MachineSpec): string[] {
  return ['--description', `Nakhoda's VM ${spec.name}`];
}

/** Most of the machine in one call that changes nothing when nothing is to be changed. */
export function modifyArgs(spec: MachineSpec): string[] {
  return [
    ...['modifyvm', spec.uuid, '--cpus', String(spec.cores), '--memory', String(spec.memoryMiB), ...descriptionArgs(spec)],
    // PIIX3, an I/O APIC with x2APIC and KVM's clock boot fastest in the interpreter (7.2.22: ICH9 costs 2 s more).
    ...['--chipset', 'piix3', '--ioapic', 'on', '--x86-x2apic', 'on', '--paravirt-provider', 'kvm', '--rtc-use-utc', 'on'],
    // The logo and the boot menu would cost every start 2.5 s.
    ...['--firmware', 'bios', '--firmware-logo-fade-in', 'off', '--firmware-logo-fade-out', 'off'],
    ...['--firmware-logo-display-time', '0', '--firmware-boot-menu', 'disabled'],
    ...['--boot1', 'dvd', '--boot2', 'disk', '--boot3', 'none', '--boot4', 'none'],
    ...['--graphicscontroller', 'vmsvga', '--vram', '8', '--mouse', 'ps2', '--keyboard', 'ps2'],
    ...['--audio-enabled', 'off', '--audio-driver', 'none', '--usb-ohci', 'off', '--usb-ehci', 'off', '--usb-xhci', 'off'],
    ...['--clipboard-mode', 'disabled', '--drag-and-drop', 'disabled', '--vrde', 'off'],
    ...serialArgs(1, '0x3F8', '4', serialSocket(spec.runtimeDirectory)),
    ...serialArgs(2, '0x2F8', '3', agentSocket(spec.runtimeDirectory)),
    ...nicArgs(spec.nics),
  ];
}

function serialArgs(port: number, ioBase: string, irq: string, path: string): string[] {
  return [`--uart${port}`, ioBase, irq, `--uart-mode${port}`, 'server', path, `--uart-type${port}`, '16550A'];
}

/** NICs that VirtualBox has with this chipset. */
export const nicSlots = 8;

function nicArgs(nics: readonly MachineNic[]): string[] {
  const unused = Array.from({ length: nicSlots }, (_, slot) => slot).filter((slot) => !nics.some((nic) => slotNumber(nic.slot) === slot));
  const cards = nics.flatMap((nic) => {
    const number = slotNumber(nic.slot) + 1;
    return [`--nic-type${number}`, '82540EM', `--mac-address${number}`, nic.mac.replaceAll(':', '').toUpperCase()];
  });
  return [...attachmentArgs(nics), ...cards, ...unused.flatMap((slot) => [`--nic${slot + 1}`, 'none'])];
}

/**
 * The host's side of the NICs. VirtualBox lets it be changed even while the VM's memory is saved, which it does not
 * for the cards themselves (7.2.22: "The machine is not mutable").
 */
export function attachmentArgs(nics: readonly MachineNic[]): string[] {
  return nics.flatMap(({ slot, attachment }) => {
    const number = slotNumber(slot) + 1;
    const cable = [`--cable-connected${number}`, attachment.kind === 'none' ? 'off' : 'on'];
    switch (attachment.kind) {
      case 'udp-tunnel':
        return [
          ...[`--nic${number}`, 'generic', `--nic-generic-drv${number}`, 'UDPTunnel', `--nic-property${number}=dest=127.0.0.1`],
          ...[`--nic-property${number}=sport=${attachment.localPort}`, `--nic-property${number}=dport=${attachment.peerPort}`],
          ...cable,
        ];
      case 'bridged':
        return [`--nic${number}`, 'bridged', `--bridge-adapter${number}`, attachment.interface, ...cable];
      case 'none':
      case 'tap':
        return [`--nic${number}`, 'null', ...cable];
    }
  });
}

/** A drive that the machine is to have, with the image in it; null for an empty one. */
export interface PlannedDrive {
  place: Place;
  type: ObservedAttachment['type'];
  path: string | null;
}

/** The machine's drives: disks in their order, then the CD drive, then the cloud-init drive where there is one. */
export function planDrives(spec: MachineSpec, mode: Execution['mode']): PlannedDrive[] {
  const disks = [...placeDisks(spec, mode)].map(([disk, place]) => ({ place, type: 'HardDisk' as const, path: disk.path }));
  const data = spec.cloudInit === undefined ? [] : [{ place: cloudInitPlace, type: 'DVD' as const, path: spec.cloudInit }];
  return [...disks, { place: cdPlace, type: 'DVD', path: spec.cdrom }, ...data];
}

/** The controllers that hold the drives, with their number of ports. */
export function planControllers(drives: readonly PlannedDrive[]): { name: string; type: 'PIIX4' | 'AHCI'; ports: number }[] {
  const ports = sataPorts(drives.map(({ place }) => place));
  return [
    { name: ideController, type: 'PIIX4', ports: 2 },
    ...(ports === 0 ? [] : [{ name: sataController, type: 'AHCI' as const, ports }]),
  ];
}

/** The steps that bring drives and images of a registered machine in line with the spec. */
export function storageSteps(
  spec: MachineSpec,
  options: {
    observed: ObservedMachine | null;
    mode: Execution['mode'];
    /** Bytes of each image that exists, by its path; null where they are not known. */
    existingImages: ReadonlyMap<string, number | null>;
  },
): DefinitionStep[] {
  const all = planDrives(spec, options.mode);
  const observed = options.observed?.attachments ?? [];
  const fits = (attachment: ObservedAttachment): boolean =>
    all.some(({ place, type, path }) => samePlace(attachment, place) && attachment.type === type && attachment.baseLocation === path);

  const detach = observed
    .filter((attachment) => !fits(attachment))
    .map((attachment) => attachStep(spec.uuid, attachment, ['--medium', 'none']));
  const create = spec.disks
    .filter((disk) => !options.existingImages.has(disk.path))
    .map((disk) => ({
      args: [
        'createmedium',
        'disk',
        '--filename',
        disk.path,
        '--sizebyte',
        String(wholeSectors(disk.sizeBytes)),
        '--format',
        'VDI',
        '--variant',
        'Standard',
      ],
      media: true,
      makes: disk.path,
    }));
  const grow = spec.disks
    .filter((disk) => (options.existingImages.get(disk.path) ?? Infinity) < disk.sizeBytes)
    .map((disk) => ({
      args: ['modifymedium', 'disk', disk.path, '--resizebyte', String(wholeSectors(disk.sizeBytes))],
      media: true,
    }));
  const attach = all
    .filter(
      ({ place, type, path }) => !observed.some((found) => samePlace(found, place) && found.type === type && found.baseLocation === path),
    )
    .map(({ place, type, path }) =>
      attachStep(spec.uuid, place, ['--type', type === 'DVD' ? 'dvddrive' : 'hdd', '--medium', path ?? 'emptydrive']),
    );
  const places = all.map(({ place }) => place);
  return [...controllerSteps(spec.uuid, options.observed, places), ...detach, ...create, ...grow, ...attach];
}

function samePlace(a: Place, b: Place): boolean {
  return a.controller === b.controller && a.port === b.port && a.device === b.device;
}

function attachStep(uuid: string, place: Place, rest: string[]): DefinitionStep {
  const at = ['--storagectl', place.controller, '--port', String(place.port), '--device', String(place.device)];
  return { args: ['storageattach', uuid, ...at, ...rest], media: true };
}

/** An AHCI port without a drive costs the guest's boot a sixth of a second, so there are as many as there are disks. */
function sataPorts(places: readonly Place[]): number {
  return Math.max(0, ...places.filter(({ controller }) => controller === sataController).map(({ port }) => port + 1));
}

function controllerSteps(uuid: string, observed: ObservedMachine | null, places: readonly Place[]): DefinitionStep[] {
  const steps: DefinitionStep[] = [];
  const controllers = observed?.controllers ?? [];
  if (!controllers.some(({ name }) => name === ideController)) {
    steps.push({ args: ['storagectl', uuid, '--name', ideController, '--add', 'ide', '--controller', 'PIIX4'], media: false });
  }
  const ports = sataPorts(places);
  const sata = controllers.find(({ name }) => name === sataController);
  if (ports > 0 && !sata) {
    const args = ['storagectl', uuid, '--name', sataController, '--add', 'sata', '--controller', 'IntelAhci', '--portcount', String(ports)];
    steps.push({ args, media: false });
  } else if (sata && ports > sata.ports) {
    steps.push({ args: ['storagectl', uuid, '--name', sataController, '--portcount', String(ports)], media: false });
  }
  return steps;
}

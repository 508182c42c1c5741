import type { MachineSpec } from '@nakhoda/driver';

import type { ChainImage } from './block-nodes.ts';
import { cdParts, cloudInitParts } from './hardware/cd-drive.ts';
import { cpuArgument, smpArgument } from './hardware/cpu.ts';
import { diskParts, sataControllers } from './hardware/disks.ts';
import { displayDevices, vncServer } from './hardware/display.ts';
import { actions, audio, balloon, hostDevices, pciDevices, randomSource, serialPorts, tpm, watchdog } from './hardware/extras.ts';
import { firmwareGlobals, type FirmwareImages, firmwareMachine, firmwareNodes, variableDisks, variableStore } from './hardware/firmware.ts';
import { memoryArgument, memoryArguments } from './hardware/memory.ts';
import { nicParts } from './hardware/nics.ts';
import { listeningSocket, toArguments } from './hardware/parts.ts';
import { fixedPlace, ports } from './hardware/placement.ts';
import { machinePaths } from './machine-paths.ts';

export interface BootPlan {
  /** The QEMU program. */
  program: string;
  machineType: string;
  accelerator: 'kvm' | 'tcg';
  /** UEFI's images; null for a VM with a BIOS. */
  firmware: FirmwareImages | null;
  /** The images of a disk, top first; where it is not given, each disk is the one image of the spec. */
  chain?: (slot: string) => readonly ChainImage[];
  /** MiB that it is powered on with, where that is not all that the spec says: the rest comes with the guest's state. */
  baseMemoryMiB?: number;
  /** The host's node of each USB device, by its name in the spec. */
  usbNodes?: Readonly<Record<string, string>>;
  /** Whether the guest's state will be loaded before its processors run. */
  incoming?: boolean;
}

/** Sleep states that would need somebody to wake the guest, by the chipset's device that has them. */
const powerManagement = { q35: 'ICH9-LPC', i440fx: 'PIIX4_PM' } as const;

/**
 * The command line of a VM. Pure. Devices stand at fixed PCI addresses, so that adding one moves no other: a guest
 * keeps its interface names, and memory snapshots fit.
 *
 * QEMU stays in the foreground, with all four denies of its sandbox; `-daemonize` and `-runas` do not work with them.
 * It starts stopped (`-S`). A guest that powers itself off or panics leaves QEMU waiting (`-action …=pause`), so that
 * a clean end can be told from a crash, even by a daemon that was away meanwhile.
 */
export function commandLine(spec: MachineSpec, plan: BootPlan): string[] {
  const { machine } = spec;
  const paths = machinePaths(spec);
  const images = [...spec.disks, ...variableDisks(spec)];
  const chain = (slot: string): readonly ChainImage[] =>
    plan.chain?.(slot) ?? images.filter((one) => one.slot === slot).map(({ path, format }) => ({ layer: 0, path, format }));
  const memory = { ...spec, baseMiB: plan.baseMemoryMiB ?? spec.memoryMiB };
  const efi = spec.firmware === 'uefi' ? chain(variableStore) : [];
  return [
    plan.program,
    '-nodefaults',
    '-no-user-config',
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-name', `guest=${spec.name}`],
    ...['-uuid', spec.uuid],
    ...toArguments({ nodes: firmwareNodes(spec, plan.firmware, efi), devices: [] }),
    ...['-machine', `type=${plan.machineType},usb=off,vmport=off${firmwareMachine(spec, efi)}`],
    ...firmwareGlobals(spec),
    // Without a bound, TCG's cache of translated code may grow to an eighth of the host's memory.
    ...['-accel', plan.accelerator === 'kvm' ? 'kvm' : 'tcg,thread=multi,tb-size=256'],
    ...['-cpu', cpuArgument(spec.cpuModel)],
    ...['-smp', smpArgument(spec)],
    ...['-m', memoryArgument(memory)],
    ...['-rtc', 'base=utc'],
    ...['-display', 'none', '-vga', 'none'],
    ...vncServer(spec),
    ...toArguments({ devices: displayDevices(spec) }),
    ...['-boot', 'menu=off,strict=on'],
    '-S',
    ...(plan.incoming === true ? ['-incoming', 'defer'] : []),
    ...['-action', actions(spec)],
    ...['disable_s3', 'disable_s4'].flatMap((property) => ['-global', `${powerManagement[machine]}.${property}=1`]),
    ...['-chardev', listeningSocket('qmp', paths.qmpSocket), '-mon', 'chardev=qmp,mode=control'],
    ...serialPorts(spec),
    ...toArguments({ devices: ports(machine, pciDevices(spec).length) }),
    ...toArguments({ devices: [{ driver: 'virtio-serial-pci', id: 'channels', ...fixedPlace(machine, 'channels') }] }),
    ...['-chardev', listeningSocket('agent', paths.agentSocket)],
    ...toArguments({
      devices: [{ driver: 'virtserialport', id: 'agent-device', chardev: 'agent', name: 'org.qemu.guest_agent.0' }],
    }),
    ...randomSource(spec),
    ...memoryArguments(memory),
    ...balloon(spec),
    ...watchdog(spec),
    ...audio(spec),
    ...tpm(spec),
    ...toArguments({ devices: [{ driver: 'pvpanic', id: 'pvpanic0' }, ...sataControllers(spec)] }),
    ...toArguments(cdParts(spec)),
    ...toArguments(cloudInitParts(spec)),
    ...spec.disks.flatMap((disk) => toArguments(diskParts(spec, disk, chain(disk.slot)))),
    ...spec.nics.flatMap((nic) => toArguments(nicParts(spec, nic))),
    ...hostDevices(spec, plan.usbNodes ?? {}),
  ];
}

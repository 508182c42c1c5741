import type { MachineDisk, MachineNic, MachineSpec } from '@nakhoda/driver';

import { type ChainImage, chainNodes, layerNode } from './block-nodes.ts';
import { machinePaths } from './machine-paths.ts';

export interface BootPlan {
  /** The QEMU program. */
  program: string;
  machineType: string;
  accelerator: 'kvm' | 'tcg';
  /** The images of a disk, top first; where it is not given, each disk is the one image of the spec. */
  chain?: (slot: string) => readonly ChainImage[];
  /** Whether the guest's state will be loaded before its processors run. */
  incoming?: boolean;
}

/** The id of a NIC's device. */
export function nicDevice(slot: string): string {
  return `${slot}-device`;
}

/**
 * The command line of a VM. Pure. Devices stand at fixed PCI addresses, so that adding one moves no other: a guest
 * keeps its interface names, and memory snapshots fit.
 *
 * QEMU stays in the foreground, with all four denies of its sandbox; `-daemonize` and `-runas` do not work with them.
 * It starts stopped (`-S`). A guest that powers itself off or panics leaves QEMU waiting (`-action …=pause`), so that
 * a clean end can be told from a crash, even by a daemon that was away meanwhile.
 */
export function commandLine(spec: MachineSpec, plan: BootPlan): string[] {
  const paths = machinePaths(spec);
  return [
    plan.program,
    '-nodefaults',
    '-no-user-config',
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ...['-name', `guest=${spec.name}`],
    ...['-uuid', spec.uuid],
    ...['-machine', `type=${plan.machineType},usb=off,vmport=off`],
    // Without a bound, TCG's cache of translated code may grow to an eighth of the host's memory.
    ...(plan.accelerator === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'max']),
    ...['-smp', `cpus=${spec.cores},sockets=1,cores=${spec.cores},threads=1`],
    ...['-m', `size=${spec.memoryMiB}M`],
    ...['-rtc', 'base=utc'],
    ...['-display', 'none', '-vga', 'none'],
    ...screen(spec, paths.vncSocket),
    ...['-boot', 'menu=off,strict=on'],
    '-S',
    ...(plan.incoming === true ? ['-incoming', 'defer'] : []),
    ...['-action', 'shutdown=pause,panic=pause'],
    // A guest in S3 or S4 would need somebody to wake it.
    ...['-global', 'ICH9-LPC.disable_s3=1', '-global', 'ICH9-LPC.disable_s4=1'],
    ...['-chardev', socket('qmp', paths.qmpSocket), '-mon', 'chardev=qmp,mode=control'],
    ...[
      '-chardev',
      socket('serial0', paths.serialSocket),
      '-device',
      json({ driver: 'isa-serial', id: 'serial0-device', chardev: 'serial0' }),
    ],
    ...['-device', json({ driver: 'virtio-serial-pci', id: 'channels', bus: 'pcie.0', addr: '0x2' })],
    ...['-chardev', socket('agent', paths.agentSocket)],
    ...['-device', json({ driver: 'virtserialport', id: 'agent-device', chardev: 'agent', name: 'org.qemu.guest_agent.0' })],
    ...['-object', json({ 'qom-type': 'rng-random', 'id': 'rng0', 'filename': '/dev/urandom' })],
    ...['-device', json({ driver: 'virtio-rng-pci', id: 'rng0-device', rng: 'rng0', bus: 'pcie.0', addr: '0x3' })],
    ...['-device', json({ driver: 'pvpanic', id: 'pvpanic0' })],
    ...cdrom(spec.cdrom),
    ...cloudInitDrive(spec.cloudInit),
    ...spec.disks.flatMap((one) => disk(one, plan.chain?.(one.slot) ?? [{ layer: 0, path: one.path, format: one.format }])),
    ...spec.nics.flatMap(nic),
  ];
}

/** A standard VGA, and a VNC server for it. `-vga` would choose the card's place itself. */
function screen({ display, displayMemoryMiB }: MachineSpec, vncSocket: string): string[] {
  if (display === 'none') return [];
  return [
    // Only this driver reaches the socket, so it asks for no password; and no viewer can shut others out.
    ...['-vnc', `unix:${escapeCommas(vncSocket)},share=ignore`],
    ...['-device', json({ driver: 'VGA', id: 'vga0', bus: 'pcie.0', addr: '0x1', vgamem_mb: displayMemoryMiB })],
  ];
}

function cdrom(path: string | null): string[] {
  const device = { driver: 'ide-cd', id: 'cd0-device', bus: 'ide.0' };
  if (path === null) return ['-device', json(device)];
  return [
    ...['-blockdev', json({ 'driver': 'file', 'node-name': 'cd0-file', 'filename': path, 'read-only': true })],
    // The format is named, or a guest's bytes at its start could make QEMU take it for another (CVE-2008-2004 and its kin).
    ...['-blockdev', json({ 'driver': 'raw', 'node-name': 'cd0', 'file': 'cd0-file', 'read-only': true })],
    ...['-device', json({ ...device, drive: 'cd0', bootindex: 0 })],
  ];
}

/** A second drive, which the BIOS does not boot from. */
function cloudInitDrive(path: string | undefined): string[] {
  if (path === undefined) return [];
  return [
    ...['-blockdev', json({ 'driver': 'file', 'node-name': 'cloudinit-file', 'filename': path, 'read-only': true })],
    ...['-blockdev', json({ 'driver': 'raw', 'node-name': 'cloudinit', 'file': 'cloudinit-file', 'read-only': true })],
    ...['-device', json({ driver: 'ide-cd', id: 'cloudinit-device', bus: 'ide.1', drive: 'cloudinit' })],
  ];
}

function disk({ slot }: MachineDisk, chain: readonly ChainImage[]): string[] {
  const number = slotNumber(slot);
  return [
    ...chainNodes(slot, chain).flatMap((node) => ['-blockdev', json(node)]),
    ...[
      '-device',
      json({
        driver: 'virtio-blk-pci',
        id: `${slot}-device`,
        bus: 'pcie.0',
        addr: hex(0x4 + number),
        drive: layerNode(slot, chain[0]?.layer ?? 0),
        serial: slot,
        bootindex: 1 + number,
      }),
    ],
  ];
}

function nic({ slot, mac, attachment }: MachineNic): string[] {
  const number = slotNumber(slot);
  const backend =
    attachment.kind === 'tap'
      ? `tap,id=${slot},ifname=${attachment.tap},script=no,downscript=no,vhost=off`
      : // A hub with nobody else on it; the link is taken down before the guest runs.
        `hubport,id=${slot},hubid=${number}`;
  return [
    ...['-netdev', backend],
    // No boot ROM: the BIOS would try the network before it gives up, and unpacks the ROM at every boot.
    ...[
      '-device',
      json({ driver: 'virtio-net-pci', id: nicDevice(slot), bus: 'pcie.0', addr: hex(0x10 + number), netdev: slot, mac, romfile: '' }),
    ],
  ];
}

function socket(id: string, path: string): string {
  return `socket,id=${id},path=${escapeCommas(path)},server=on,wait=off`;
}

/** QEMU's option strings end a value at a comma, and take two for one. */
export function escapeCommas(value: string): string {
  return value.replaceAll(',', ',,');
}

function json(value: Record<string, unknown>): string {
  return JSON.stringify(value);
}

function slotNumber(slot: string): number {
  return Number(slot.at(-1));
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

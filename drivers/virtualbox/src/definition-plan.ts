import { join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';

import { bootArgs } from './boot-plan.ts';
import { audioArgs, boardArgs, displayArgs, executionCap } from './hardware-plan.ts';
import { parseModifyFlags } from './modify-flags.ts';
import { attachmentArgs, nicArgs } from './nic-plan.ts';

/** One call of VBoxManage. */
export interface DefinitionStep {
  args: string[];
  /** True when it changes VirtualBox's list of media or machines, which is shared by all VMs. */
  media: boolean;
  /** The image that the step makes, for the undoing. */
  makes?: string;
}

/** Sockets of the VM's serial ports in its runtime folder. */
export function serialSocket(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'serial.sock');
}

/** The guest agent's: the second serial port, with QEMU's guest agent protocol on it. */
export function agentSocket(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'agent.sock');
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

/**
 * The call that changes an adopted machine from one spec to another: only what differs, for the rest is its user's, and
 * the host's side of its NICs.
 */
export function changeArgs(before: MachineSpec, wanted: MachineSpec): string[] {
  const known = new Set(parseModifyFlags(modifyArgs(before).slice(2)).map(({ args }) => args.join(' ')));
  const changed = parseModifyFlags(modifyArgs(wanted).slice(2)).filter(
    ({ flag, args }) => flag !== '--description' && !known.has(args.join(' ')),
  );
  return ['modifyvm', wanted.uuid, ...changed.flatMap(({ args }) => args), ...attachmentArgs(wanted.nics, wanted.found)];
}

/** Most of the machine in one call that changes nothing when nothing is to be changed. */
export function modifyArgs(spec: MachineSpec): string[] {
  return [
    ...['modifyvm', spec.uuid, '--cpus', String(spec.cores), '--memory', String(spec.memoryMiB), ...descriptionArgs(spec)],
    ...boardArgs(spec),
    // An I/O APIC with x2APIC and KVM's clock boot fastest in the interpreter.
    ...['--ioapic', 'on', '--x86-x2apic', 'on', '--paravirt-provider', 'kvm', '--rtc-use-utc', 'on'],
    ...['--cpu-execution-cap', String(executionCap(spec))],
    // The logo and the boot menu would cost every start 2.5 s.
    ...['--firmware-logo-fade-in', 'off', '--firmware-logo-fade-out', 'off'],
    ...['--firmware-logo-display-time', '0', '--firmware-boot-menu', 'disabled'],
    ...bootArgs(spec),
    ...displayArgs(spec),
    ...['--mouse', 'ps2', '--keyboard', 'ps2'],
    ...audioArgs(spec),
    ...['--usb-ohci', 'off', '--usb-ehci', 'off', '--usb-xhci', 'off'],
    ...['--clipboard-mode', 'disabled', '--drag-and-drop', 'disabled', '--vrde', 'off'],
    ...portArgs(spec),
    ...nicArgs(spec.nics, spec.found),
  ];
}

/** Our two serial ports. */
export function portArgs({ runtimeDirectory }: Pick<MachineSpec, 'runtimeDirectory'>): string[] {
  return [...serialArgs(1, '0x3F8', '4', serialSocket(runtimeDirectory)), ...serialArgs(2, '0x2F8', '3', agentSocket(runtimeDirectory))];
}

function serialArgs(port: number, ioBase: string, irq: string, path: string): string[] {
  return [`--uart${port}`, ioBase, irq, `--uart-mode${port}`, 'server', path, `--uart-type${port}`, '16550A'];
}

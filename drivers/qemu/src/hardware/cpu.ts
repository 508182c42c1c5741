import type { MachineSpec } from '@nakhoda/driver';

/** Features that QEMU's `qemu64` lacks of the levels of the x86-64 psABI; qemu64 has CMPXCHG16B and LAHF of level 2 already. */
const level2 = ['popcnt', 'pni', 'sse4.1', 'sse4.2', 'ssse3'];

/**
 * Processors that QEMU has no name for, by the features that are added to `qemu64`. The names and most of the lists are
 * those of Proxmox VE (PVE/QemuServer/CPUConfig.pm), so that a VM may come from there. Its x86-64-v3 is left out: the
 * tiny guest did not boot on it under TCG (7.2.22), and why is not known.
 */
export const levelModels: Readonly<Record<string, readonly string[]>> = {
  'x86-64-v2': level2,
  'x86-64-v2-AES': [...level2, 'aes'],
};

/**
 * The value of `-cpu`. `default` is x86-64-v2-AES as far as the host has it; a model that was asked for by name is had
 * as a whole or not at all (`enforce`): a guest that was told of an instruction must not lose it.
 */
export function cpuArgument(model: string): string {
  if (model === 'default') return leveled('x86-64-v2-AES');
  if (model === 'host' || model === 'max') return model;
  return `${Object.hasOwn(levelModels, model) ? leveled(model) : model},enforce`;
}

function leveled(model: string): string {
  return ['qemu64', ...(levelModels[model] ?? []).map((feature) => `+${feature}`)].join(',');
}

/** The most processors that QEMU's machine types have without an interrupt-remapping IOMMU (hw/i386/pc_q35.c). */
export const mostProcessors = 255;

/**
 * How many processors the VM can have without a restart. The next power of two, and at least 8: so a VM that was given
 * some while it ran has the same room at its next start, which memory snapshots need. With several sockets the room
 * would have to be left in each, and the processors at the start would come to lie in the first: there is none.
 */
export function processorRoom({ cores, sockets }: Pick<MachineSpec, 'cores' | 'sockets'>): number {
  if (sockets > 1) return cores * sockets;
  return Math.min(mostProcessors, Math.max(8, 2 ** Math.ceil(Math.log2(cores))));
}

export function smpArgument(spec: Pick<MachineSpec, 'cores' | 'sockets'>): string {
  const { cores, sockets } = spec;
  const room = processorRoom(spec);
  return `cpus=${cores * sockets},sockets=${sockets},cores=${room / sockets},threads=1,maxcpus=${room}`;
}

import type { MachineSpec } from '@nakhoda/driver';
import type { DisplayName } from '@nakhoda/schema';

import { machinePaths } from '../machine-paths.ts';
import { escapeCommas, type Part } from './parts.ts';
import { fixedPlace } from './placement.ts';

/** QEMU's names of the graphics cards. */
export const displayDrivers: Readonly<Partial<Record<DisplayName, string>>> = { std: 'VGA', virtio: 'virtio-vga', qxl: 'qxl-vga' };

/** A VNC server for the screen, where there is one. */
export function vncServer(spec: Pick<MachineSpec, 'display' | 'directory' | 'runtimeDirectory'>): string[] {
  if (spec.display === 'none') return [];
  // Only this driver reaches the socket, so it asks for no password; and no viewer can shut others out.
  return ['-vnc', `unix:${escapeCommas(machinePaths(spec).vncSocket)},share=ignore`];
}

/** `-vga` would choose the card's place itself. */
export function displayDevices(spec: Pick<MachineSpec, 'machine' | 'display' | 'displayMemoryMiB'>): Part[] {
  const driver = displayDrivers[spec.display];
  if (driver === undefined) return [];
  return [{ driver, id: 'vga0', ...fixedPlace(spec.machine, 'display'), ...memory(spec) }];
}

/** QEMU rounds a card's memory up to a power of two. virtio's pictures lie in the guest's memory, and QEMU bounds its copies. */
function memory({ display, displayMemoryMiB }: Pick<MachineSpec, 'display' | 'displayMemoryMiB'>): Part {
  switch (display) {
    case 'virtio':
      return { max_hostmem: displayMemoryMiB * 1024 * 1024 };
    case 'qxl':
      return { vgamem_mb: displayMemoryMiB, ram_size_mb: displayMemoryMiB * 4, vram_size_mb: displayMemoryMiB * 2 };
    case 'none':
    case 'std':
    case 'vmware':
      return { vgamem_mb: displayMemoryMiB };
  }
}

import type { MachineSpec } from '@nakhoda/driver';
import type { DisplayName } from '@nakhoda/schema';

/** Graphics cards by VirtualBox's names. */
const controllers: Partial<Record<DisplayName, string>> = { vmware: 'vmsvga', std: 'vboxvga', none: 'none' };

/** Chipset, firmware and TPM. */
export function boardArgs(spec: Pick<MachineSpec, 'machine' | 'firmware' | 'tpm'>): string[] {
  return [
    ...['--chipset', spec.machine === 'q35' ? 'ich9' : 'piix3', '--firmware', spec.firmware === 'uefi' ? 'efi64' : 'bios'],
    ...['--tpm-type', spec.tpm ? '2.0' : 'none'],
  ];
}

/** Percent of a core that each of the guest's may use. VirtualBox caps all of them alike. */
export function executionCap({ cpuLimit, cores }: Pick<MachineSpec, 'cpuLimit' | 'cores'>): number {
  return cpuLimit === 0 ? 100 : Math.min(100, Math.max(1, Math.round((100 * cpuLimit) / cores)));
}

/** Graphics card with its memory; VirtualBox refuses any memory for none. */
export function displayArgs({ display, displayMemoryMiB }: Pick<MachineSpec, 'display' | 'displayMemoryMiB'>): string[] {
  const controller = controllers[display] ?? 'vmsvga';
  return ['--graphicscontroller', controller, ...(controller === 'none' ? [] : ['--vram', String(displayMemoryMiB)])];
}

/** A sound card that nobody hears: the host of a server has no loudspeaker. */
export function audioArgs({ audio }: Pick<MachineSpec, 'audio'>): string[] {
  if (!audio) return ['--audio-enabled', 'off', '--audio-driver', 'none'];
  return ['--audio-enabled', 'on', '--audio-driver', 'null', '--audio-controller', 'hda', '--audio-out', 'on'];
}

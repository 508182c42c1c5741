import { statSync } from 'node:fs';

import type { MachineSpec } from '@nakhoda/driver';

/** Files in which the guest's kernel shows its hardware; the paths are Linux's. */
export function hardwareFiles(spec: MachineSpec): Record<string, string> {
  const sectors = (bytes: number): string => `${Math.floor(bytes / 512)}\n`;
  const letter = (slot: string): string => String.fromCharCode('a'.charCodeAt(0) + Number(slot.at(-1)));
  return {
    '/proc/meminfo': `MemTotal:       ${String(spec.memoryMiB * 1024 - 8192).padStart(8)} kB\n`,
    '/sys/block/sr0/size': sectors(mediumBytes(spec.cdrom)),
    ...Object.fromEntries(spec.disks.map(({ slot, sizeBytes }) => [`/sys/block/vd${letter(slot)}/size`, sectors(sizeBytes)])),
    '/sys/class/net/lo/address': '00:00:00:00:00:00\n',
    ...Object.fromEntries(
      spec.nics.flatMap(({ slot, mac, linkUp }) => {
        const folder = `/sys/class/net/eth${slot.slice('net'.length)}`;
        return [
          [`${folder}/address`, `${mac}\n`],
          [`${folder}/carrier`, `${linkUp ? 1 : 0}\n`],
        ];
      }),
    ),
  };
}

/** Whole sectors of a CD's image; 0 for an empty drive. */
function mediumBytes(cdrom: string | null): number {
  const bytes = cdrom === null ? 0 : (statSync(cdrom, { throwIfNoEntry: false })?.size ?? 0);
  return Math.floor(bytes / 2048) * 2048;
}

import { join } from 'node:path';

import { findQemuRuntime, qemu10Folder } from '@nakhoda/host';

import type { QemuDriverOptions } from '../driver-options.ts';
import { readVersion } from '../environment.ts';
import { isAtLeast } from '../probe.ts';

/** What is said where there is none. */
export const noQemu10 = 'There is no QEMU 10: neither the system’s, nor one that `./nakhoda setup qemu10` has unpacked.';

/** A driver's options for QEMU 10 or later: the system's own, or the one beside it; null where there is neither. */
export async function findQemu10(): Promise<Pick<QemuDriverOptions, 'programs' | 'programFolders'> | null> {
  const own = await readVersion('qemu-system-x86_64').catch(() => null);
  if (own !== null && isAtLeast(own, '10.0')) return {};
  const runtime = await findQemuRuntime(join(qemu10Folder(process.env), 'current'));
  return runtime && { programs: runtime.programs, programFolders: [runtime.folder] };
}

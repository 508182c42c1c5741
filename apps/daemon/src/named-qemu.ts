import { isAbsolute } from 'node:path';

import type { QemuDriverOptions } from '@nakhoda/driver-qemu';
import { findQemuRuntime } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

/**
 * The QEMU that `NAKHODA_QEMU` names: the absolute path of a folder with `bin/qemu-system-x86_64` and `bin/qemu-img`,
 * which isolated QEMUs are shown. Without the variable it is the distribution's.
 * @throws NakhodaError `request.invalid` when there is none
 */
export async function namedQemu(env: NodeJS.ProcessEnv): Promise<Pick<QemuDriverOptions, 'programs' | 'programFolders'>> {
  const path = env['NAKHODA_QEMU'];
  if (!path) return {};
  const runtime = isAbsolute(path) ? await findQemuRuntime(path) : null;
  if (runtime) return { programs: runtime.programs, programFolders: [runtime.folder] };
  throw new NakhodaError('request.invalid', {
    message: `NAKHODA_QEMU names ${path}, which is no absolute path of a folder with bin/qemu-system-x86_64 and bin/qemu-img.`,
    hint: 'Name such a folder (`./nakhoda setup qemu10` makes one), or unset it to use the QEMU of the distribution.',
  });
}

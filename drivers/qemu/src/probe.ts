import type { ProbeResult } from '@nakhoda/driver';
import { type Execution, NakhodaError } from '@nakhoda/schema';

import { type Environment, readVersion } from './environment.ts';

/** The oldest QEMU that this driver was tried with; older ones lack parts of it (JSON devices, snapshot jobs, `-action`). */
export const minimumVersion = '7.2';

/** KVM where it works, otherwise QEMU's own translation of the guest's instructions. */
export function decideExecution(kvm: { ok: boolean; reason: string }): Execution {
  return kvm.ok ? { mode: 'kvm', reason: kvm.reason } : { mode: 'tcg', reason: `KVM cannot be used: ${kvm.reason}` };
}

/** Looks whether QEMU is here, new enough, and how it would run guests. */
export async function probeQemu(
  { system, confinement }: Pick<Environment, 'system' | 'confinement'>,
  image: string,
  probeKvm: () => Promise<{ ok: boolean; reason: string }>,
): Promise<ProbeResult> {
  const remedy = "Run `./nakhoda setup`, which installs the distribution's QEMU.";
  try {
    const version = await readVersion(system);
    await readVersion(image);
    if (version === null || !isAtLeast(version, minimumVersion)) {
      const reasons = [`QEMU ${version ?? 'of unknown version'} is too old: ${minimumVersion} is the oldest that was tried.`];
      return { usable: false, version, execution: null, reasons, remedy };
    }
    const execution = decideExecution(await probeKvm());
    const isolation = await confinement.probe();
    const isolationReasons = isolation.ok ? [] : [`QEMU is not isolated from other VMs' files. ${isolation.reason}`];
    if (execution.mode === 'kvm') return { usable: true, version, execution, reasons: isolationReasons };
    const reasons = ['Guests run about ten times slower than with KVM.', ...isolationReasons];
    return { usable: true, version, execution, reasons, remedy: 'Enable VT-x or AMD-V in the firmware, or nested virtualization.' };
  } catch (error) {
    const reasons = [error instanceof NakhodaError ? error.message : String(error)];
    return { usable: false, version: null, execution: null, reasons, remedy };
  }
}

/** Compares `7.2.22` with `7.2` by their first two numbers. */
export function isAtLeast(version: string, minimum: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = minimum.split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

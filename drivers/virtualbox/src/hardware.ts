import { fixedHardware } from '@nakhoda/driver';
import type { Execution, HardwareSupport } from '@nakhoda/schema';

/** Which hardware VirtualBox gives a guest that is executed so. */
export function hardwareSupport(mode: Execution['mode']): HardwareSupport {
  return {
    ...fixedHardware,
    machines: ['i440fx'],
    // A guest that finds no AHCI boots some 2 s (a tenth) faster in the interpreter; SATA is faster in use.
    diskBuses: [mode === 'hardware' ? 'sata' : 'ide'],
    nicModels: ['e1000'],
    displays: ['vmware'],
    maxDisplayMemoryMiB: 8,
    rng: false,
    reasons: { rng: 'VirtualBox has no such device.' },
  };
}

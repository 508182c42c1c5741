import { fixedHardware } from '@nakhoda/driver';
import type { HardwareSupport } from '@nakhoda/schema';

/** What a new VM on QEMU gets by default, for tests that do not ask the driver. */
export const usualHardware: HardwareSupport = { ...fixedHardware, displays: ['std', 'none'] };

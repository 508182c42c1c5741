import { fixedHardware } from '@nakhoda/driver';
import type { HardwareSupport } from '@nakhoda/schema';

/** Which hardware QEMU gives a guest. What a standard VGA costs a guest's start is lost in the noise (7.2, TCG). */
export const qemuHardware: HardwareSupport = { ...fixedHardware, displays: ['std', 'none'] };

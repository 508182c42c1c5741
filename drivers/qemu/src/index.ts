export { createQemuDriver } from './driver.ts';
export type { QemuDriverOptions } from './driver-options.ts';

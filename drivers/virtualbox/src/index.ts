export { createVirtualBoxDriver } from './virtualbox-driver.ts';
export type { VirtualBoxDriverOptions } from './virtualbox-driver.ts';

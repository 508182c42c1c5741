export { createFakeDriver } from './fake-driver.ts';
export type { FakeDriver, FakeDriverOptions } from './fake-driver.ts';
export { FakeFaults } from './fake-faults.ts';
export type { FakeCall } from './fake-faults.ts';
export type { GuestCommand, GuestIo } from './guest/guest-shell.ts';

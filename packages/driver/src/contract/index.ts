export { driverContract, isRequired } from './driver-contract.ts';
export type { ContractHarness, ContractLimits, DriverContractOptions } from './harness.ts';
export { machineSpec } from './machine-spec.ts';
export type { MachineSpecOptions } from './machine-spec.ts';
export { testContext } from './test-context.ts';
export type { TestDriverContext } from './test-context.ts';
export { readPng } from './read-png.ts';
export { countColours, RfbViewer } from './rfb-viewer.ts';

export type * from './driver.ts';
export type * from './foreign.ts';
export { EventHub } from './event-hub.ts';
export { fixedHardware } from './fixed-hardware.ts';
export { defaultDisk, defaultHardware, defaultNic } from './hardware-defaults.ts';
export { specProblems } from './spec-problems.ts';
export { parseCombination, planText, scanCodes, type KeyCombination } from './keyboard.ts';

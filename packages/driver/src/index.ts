export type * from './driver.ts';
export { EventHub } from './event-hub.ts';
export { specProblems } from './spec-problems.ts';

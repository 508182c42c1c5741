export type * from './driver.ts';
export { specProblems } from './spec-problems.ts';

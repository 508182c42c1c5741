export * from './exec.ts';
export * from './process.ts';
export * from './wait.ts';
export * from './atomic-file.ts';

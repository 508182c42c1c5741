export { cliFlag, takesYesNo } from './cli-flag.ts';
export * from './client.ts';
export * from './endpoint-table.ts';
export type { TaskUpdate } from './follow-task.ts';
export type { RequestParts } from './request-path.ts';
export type { Target } from './transport.ts';

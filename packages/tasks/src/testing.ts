export { createMemoryTaskStore } from './memory-task-store.ts';
export { checkSaga } from './saga-check/check-saga.ts';
export type { SagaCheckOptions } from './saga-check/check-saga.ts';
export type { SagaWorld } from './saga-check/saga-bench.ts';
export { taskStoreContract } from './testing/task-store-contract.ts';

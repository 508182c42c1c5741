import { createMemoryTaskStore } from './memory-task-store.ts';
import { taskStoreContract } from './testing/task-store-contract.ts';

taskStoreContract('in memory', () => ({ store: createMemoryTaskStore(), close: () => {} }));

export { openDatabase } from './database.ts';
export type { Database } from './database.ts';
export { createSqliteStore, openSqliteStore } from './sqlite-store.ts';
export { createSqliteTaskStore } from './sqlite-task-store.ts';
export type { SqliteTaskStore } from './sqlite-task-store.ts';
export type { ExpectedRevision, Store, StoreChange, StoreEntry, StoreOperation, StoreTransaction } from './store.ts';

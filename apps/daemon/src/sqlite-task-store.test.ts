import { createSqliteTaskStore, openDatabase } from '@nakhoda/store';
import type { TaskStore } from '@nakhoda/tasks';
import { taskStoreContract } from '@nakhoda/tasks/testing';

// Here because neither package may import the other: the daemon is what ties them.
taskStoreContract('sqlite', () => {
  const database = openDatabase(':memory:');
  const store: TaskStore = createSqliteTaskStore(database);
  return { store, close: () => database.close() };
});

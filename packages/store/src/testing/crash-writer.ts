import { writeSync } from 'node:fs';

import { openDatabase } from '../database.ts';
import { createSqliteStore } from '../sqlite-store.ts';
import { createSqliteTaskStore } from '../sqlite-task-store.ts';

/*
 * Writes to the database named by its first argument until it is killed: rising numbers from its second one on,
 * under two keys in one transaction, as a task's log line, and as a task's progress. Says each number once it
 * is acknowledged everywhere.
 */
const [path = '', first = '1'] = process.argv.slice(2);
const database = openDatabase(path);
const store = createSqliteStore(database);
const tasks = createSqliteTaskStore(database);
const task = tasks.get('t1');

for (let number = Number(first); ; number += 1) {
  const { revision } = await store.transact({
    then: [
      { op: 'put', key: 'pair/a', value: number },
      { op: 'put', key: 'pair/b', value: number },
    ],
  });
  tasks.appendLog('t1', { seq: number, at: new Date().toISOString(), line: `line ${number}` });
  if (task !== null) tasks.update({ ...task, data: { number } });
  // Synchronous: what the parent has read was acknowledged, and nothing else of this loop goes on meanwhile.
  writeSync(1, `${JSON.stringify({ number, revision })}\n`);
}

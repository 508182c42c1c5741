import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, it } from 'node:test';

import { openDatabase } from './database.ts';
import { createSqliteStore } from './sqlite-store.ts';
import { createSqliteTaskStore } from './sqlite-task-store.ts';
import { makeTemporaryFolder } from './testing/temporary-folder.ts';

const folder = makeTemporaryFolder();
after(() => folder.remove());

interface Acknowledged {
  number: number;
  revision: number;
}

/** Runs the writer until it has acknowledged so many writes and more, and kills it in the midst of the next. */
async function writeAndKill(path: string, first: number, count: number): Promise<Acknowledged> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'testing', 'crash-writer.ts'), path, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(writer, 'close');
  let last: Acknowledged = { number: first - 1, revision: 0 };
  for await (const line of createInterface({ input: writer.stdout })) {
    last = JSON.parse(line) as Acknowledged;
    if (last.number === first + count - 1) writer.kill('SIGKILL');
  }
  const [, signal] = (await ended) as [number | null, string | null];
  assert.equal(signal, 'SIGKILL', 'the writer ended otherwise');
  return last;
}

it('everything acknowledged is there after SIGKILL in the midst of writing, and every transaction is whole', async () => {
  const path = folder.newPath();
  const created = openDatabase(path);
  createSqliteTaskStore(created).insert({
    id: 't1',
    kind: 'sample',
    title: 'Sample',
    target: null,
    user: 'admin',
    requestId: null,
    state: 'running',
    input: {},
    data: { number: 0 },
    locks: [],
    steps: [],
    progress: 0,
    result: null,
    outcome: null,
    error: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    endedAt: null,
  });
  created.close();

  let next = 1;
  for (const count of [1, 7, 30, 61]) {
    const acknowledged = await writeAndKill(path, next, count);
    assert.ok(acknowledged.number >= next + count - 1);

    const database = openDatabase(path);
    const store = createSqliteStore(database);
    const tasks = createSqliteTaskStore(database);
    assert.deepEqual(
      database.db
        .prepare('PRAGMA integrity_check')
        .all()
        .map((row) => Object.values(row)),
      [['ok']],
    );
    const [a, b] = await store.list('pair/');
    assert.ok(a !== undefined && b !== undefined);
    assert.deepEqual([a.value, a.revision], [b.value, b.revision]);
    // One more than the last acknowledged may have been under way.
    const written = Number(a.value);
    assert.ok(written === acknowledged.number || written === acknowledged.number + 1, `${written} after ${acknowledged.number}`);
    assert.equal(await store.revision(), acknowledged.revision + written - acknowledged.number);
    const lines = tasks.log('t1', 0).map(({ line }) => line);
    assert.deepEqual(
      lines.slice(0, acknowledged.number),
      Array.from({ length: acknowledged.number }, (_, index) => `line ${index + 1}`),
    );
    const task = tasks.get('t1');
    assert.ok(task !== null);
    const { number: kept } = task.data as { number: number };
    assert.ok(kept >= acknowledged.number);
    // A line without its sibling rows would stand in the next round's way.
    next = Math.max(written, lines.length) + 1;
    for (let number = lines.length + 1; number < next; number += 1) {
      tasks.appendLog('t1', { seq: number, at: '2026-01-01T00:00:00.000Z', line: `line ${number}` });
    }
    await store.close();
    database.close();
  }
});

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';

import { openDatabase } from './database.ts';
import { createSqliteStore, openSqliteStore } from './sqlite-store.ts';
import { makeTemporaryFolder } from './testing/temporary-folder.ts';
import { storeContract } from './testing/store-contract.ts';

const folder = makeTemporaryFolder();
after(() => folder.remove());

storeContract('sqlite in memory', () => openSqliteStore(':memory:'));
// Each write waits for the disk here.
storeContract('sqlite in a file', () => openSqliteStore(folder.newPath()), { runs: 8 });

describe('sqlite store', () => {
  it('keeps everything over a reopening, and goes on counting', async () => {
    const path = folder.newPath();
    const first = openSqliteStore(path);
    await first.put('vm/100', { name: 'a' });
    await first.put('vm/101', 1);
    await first.delete('vm/101');
    await first.close();
    const second = openSqliteStore(path);
    assert.deepEqual(await second.list(''), [{ key: 'vm/100', value: { name: 'a' }, revision: 1 }]);
    const stop = new AbortController();
    const kinds: string[] = [];
    for await (const { kind, revision } of second.watch('', { fromRevision: 1, signal: stop.signal })) {
      kinds.push(`${revision} ${kind}`);
      if (revision === 3) stop.abort();
    }
    assert.deepEqual(kinds, ['1 put', '2 put', '3 delete']);
    assert.deepEqual(await second.put('vm/102', 1), { revision: 4 });
    await second.close();
  });

  it('forgets old changes, says so to who asks for them, and never to a watcher of a quiet prefix', async () => {
    const database = openDatabase(':memory:');
    const store = createSqliteStore(database, { history: 10 });
    const stop = new AbortController();
    const quiet = store.watch('quiet/', { fromRevision: 1, signal: stop.signal })[Symbol.asyncIterator]();
    const next = quiet.next();
    for (let count = 1; count <= 30; count += 1) {
      await store.put('busy/1', count);
      // Lets the watcher look, as it does whenever something is committed.
      await new Promise(setImmediate);
    }
    await store.put('quiet/1', 'news');
    assert.equal((await next).value?.revision, 31);
    assert.equal(database.db.prepare('SELECT count(*) AS n FROM store_changes').get()?.['n'], 10);
    const late = store.watch('', { fromRevision: 21, signal: stop.signal })[Symbol.asyncIterator]();
    await assert.rejects(late.next(), { code: 'store.compacted', details: { revision: 21, compacted: 21 } });
    const inTime = store.watch('', { fromRevision: 22, signal: stop.signal })[Symbol.asyncIterator]();
    assert.equal((await inTime.next()).value?.revision, 22);
    stop.abort();
    await store.close();
    database.close();
  });

  it('gives a watcher that is far behind every change, also of one great transaction', async () => {
    const store = openSqliteStore(':memory:');
    const operations = Array.from({ length: 700 }, (_, index) => ({ op: 'put', key: `k/${index}`, value: index }) as const);
    await store.transact({ then: operations });
    await store.put('k/end', null);
    const keys = new Set<string>();
    for await (const { key } of store.watch('k/', { fromRevision: 1, signal: new AbortController().signal })) {
      keys.add(key);
      if (key === 'k/end') break;
    }
    assert.equal(keys.size, 701);
    await store.close();
  });
});

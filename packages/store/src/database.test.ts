import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, describe, it } from 'node:test';

import { openDatabase } from './database.ts';
import { migrate, readMigrations } from './migrate.ts';
import { createSqliteStore } from './sqlite-store.ts';
import { makeTemporaryFolder } from './testing/temporary-folder.ts';

const folder = makeTemporaryFolder();
after(() => folder.remove());

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const pragma = (db: DatabaseSync, name: string): unknown => Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];

describe('openDatabase', () => {
  it('makes files that only their owner can read, and mends the mode of an old one', async () => {
    const path = folder.newPath();
    for (let round = 0; round < 2; round += 1) {
      const database = openDatabase(path);
      await createSqliteStore(database).put('a', round);
      for (const file of [path, `${path}-wal`, `${path}-shm`]) assert.equal(mode(file), '600', file);
      database.close();
      chmodSync(path, 0o644);
    }
  });

  it('loses nothing that it has committed, and waits for the locks of others', () => {
    const database = openDatabase(folder.newPath());
    const settings = () => ['journal_mode', 'synchronous', 'foreign_keys', 'trusted_schema'].map((name) => pragma(database.db, name));
    // 2 is FULL.
    assert.deepEqual(settings(), ['wal', 2, 1, 0]);
    database.relaxed(() => assert.equal(pragma(database.db, 'synchronous'), 1));
    assert.throws(() => database.relaxed(() => assert.fail('no')), /no/u);
    assert.deepEqual(settings(), ['wal', 2, 1, 0]);
    assert.equal(pragma(database.db, 'busy_timeout'), 5000);
    database.close();
    database.close();
  });

  it('undoes a transaction that throws', async () => {
    const database = openDatabase(':memory:');
    const store = createSqliteStore(database);
    const failing = (): void =>
      database.transaction(() => {
        database.db.exec("INSERT INTO store_entries VALUES ('a', '1', 1)");
        throw new RangeError('no');
      });
    assert.throws(failing, RangeError);
    assert.deepEqual(await store.list(''), []);
    database.close();
    await assert.rejects(store.list(''), { code: 'store.failed' });
  });

  it('says what is wrong with a path, a file, and another program’s database', () => {
    const failed = { code: 'store.failed' };
    assert.throws(() => openDatabase(join(folder.path, 'missing', 'a.db')), failed);
    const directory = folder.newPath();
    mkdirSync(directory);
    assert.throws(() => openDatabase(directory), failed);
    const text = folder.newPath();
    writeFileSync(text, 'not a database at all, but long enough to have a header '.repeat(40));
    assert.throws(() => openDatabase(text), failed);
    const foreign = folder.newPath();
    const other = new DatabaseSync(foreign);
    other.exec('CREATE TABLE cats (name TEXT)');
    other.close();
    const before = readFileSync(foreign);
    assert.throws(() => openDatabase(foreign), { code: 'store.failed', message: /another program/u });
    assert.deepEqual(readFileSync(foreign), before);
  });

  it('refuses the database of a newer version, and leaves it as it is', () => {
    const path = folder.newPath();
    openDatabase(path).close();
    const newer = new DatabaseSync(path);
    newer.exec('PRAGMA user_version = 999');
    newer.close();
    const before = readFileSync(path);
    assert.throws(() => openDatabase(path), { code: 'store.too-new', message: /version 999.*a newer one wrote it/u });
    assert.deepEqual(readFileSync(path), before);
  });
});

describe('migrations', () => {
  it('bring about exactly schema.sql', () => {
    const migrated = new DatabaseSync(':memory:');
    migrate(migrated, ':memory:');
    const described = new DatabaseSync(':memory:');
    described.exec(readFileSync(join(import.meta.dirname, 'schema.sql'), 'utf8'));
    assert.deepEqual(dumpSchema(migrated), dumpSchema(described));
  });

  it('have numbers without gaps', () => {
    const gap = folder.newPath();
    mkdirSync(gap);
    writeFileSync(join(gap, '0001-a.sql'), '');
    writeFileSync(join(gap, '0003-c.sql'), '');
    assert.throws(() => readMigrations(gap), /0003-c\.sql should have the number 2/u);
  });

  it('go on where an older version, or a crash, has left off', () => {
    const path = folder.newPath();
    const db = new DatabaseSync(path);
    const [first] = readMigrations();
    assert.ok(first !== undefined);
    const bad = { version: 2, sql: 'CREATE TABLE extra (id INTEGER) STRICT; INSERT INTO nowhere VALUES (1)' };
    assert.throws(() => migrate(db, path, [first, bad]), /nowhere/u);
    assert.equal(pragma(db, 'user_version'), 1);
    const good = { version: 2, sql: 'CREATE TABLE extra (id INTEGER) STRICT' };
    migrate(db, path, [first, good]);
    migrate(db, path, [first, good]);
    assert.equal(pragma(db, 'user_version'), 2);
    db.close();
  });

  it('make strict tables only', () => {
    const db = new DatabaseSync(':memory:');
    migrate(db, ':memory:');
    const loose = db.prepare("SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'").all();
    assert.deepEqual(loose, []);
  });
});

/** Everything that makes a schema: the objects' own text, however it was broken into lines, and their columns. */
function dumpSchema(db: DatabaseSync): unknown[] {
  const objects = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').all();
  return objects.map(({ type, name, tbl_name: table, sql }) => ({
    type,
    name,
    table,
    sql: String(sql).replaceAll(/\s+/gu, ' '),
    columns: db.prepare('SELECT * FROM pragma_table_xinfo(?)').all(String(name)),
  }));
}

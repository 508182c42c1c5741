import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';

import { NakhodaError } from '@nakhoda/schema';

/** 'NKHD': tells a database of Nakhoda's from any other SQLite file (https://sqlite.org/fileformat.html#application_id). */
const applicationId = 0x4e4b4844;

interface Migration {
  version: number;
  sql: string;
}

/** `migrations/NNNN-what.sql`, by number. The numbers have no gaps. */
export function readMigrations(folder: string = join(import.meta.dirname, 'migrations')): Migration[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  return files.sort().map((name, index) => {
    const version = Number.parseInt(name, 10);
    if (version !== index + 1) throw new Error(`Migration ${name} should have the number ${index + 1}.`);
    return { version, sql: readFileSync(join(folder, name), 'utf8') };
  });
}

/**
 * Brings the schema up to the last migration; each migration is one transaction together with its version
 * number, so that a crash leaves a version that the next start goes on from.
 */
export function migrate(db: DatabaseSync, path: string, migrations: readonly Migration[] = readMigrations()): void {
  const present = readPragma(db, 'user_version');
  checkIdentity(db, path, present);
  const newest = migrations.length;
  if (present > newest) {
    throw new NakhodaError('store.too-new', {
      message: `The database ${path} has version ${present}, and this Nakhoda knows versions up to ${newest}: a newer one wrote it.`,
      hint: 'Start the newer version of Nakhoda, or restore a database from before the update.',
      details: { present, newest },
    });
  }
  for (const { version, sql } of migrations.slice(present)) {
    db.exec('BEGIN IMMEDIATE');
    try {
      db.exec(sql);
      db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}`);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  }
}

function checkIdentity(db: DatabaseSync, path: string, version: number): void {
  const id = readPragma(db, 'application_id');
  const isEmpty = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] === 0;
  if (id === applicationId || (isEmpty && id === 0 && version === 0)) return;
  throw new NakhodaError('store.failed', {
    message: `${path} is an SQLite database of another program.`,
    hint: 'Point NAKHODA_DATA at a folder of its own.',
  });
}

function readPragma(db: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}

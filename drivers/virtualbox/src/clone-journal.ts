import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { MachineSpec } from '@nakhoda/driver';
import { isAlive, processRef, readJsonFile, writeFileAtomic } from '@nakhoda/host';
import type { ProcessRef } from '@nakhoda/host';

/** A clone that is being made. */
export interface CloneRecord {
  /** Of the machine that is copied; it may have a snapshot that is there for the copying only. */
  source: number;
  /** What is being made; null when that is done, and only the snapshot is left. */
  spec: MachineSpec | null;
  /** The daemon that makes it. */
  maker: ProcessRef | null;
}

/**
 * What clones are being made, on disk, so that the next daemon finds what one that was killed has left: before its
 * registration, VirtualBox knows nothing of a clone.
 */
export class CloneJournal {
  readonly #folder: string;

  constructor(userHome: string) {
    this.#folder = join(userHome, 'clones');
  }

  async write(vmid: number, record: Omit<CloneRecord, 'maker'>): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(this.#path(vmid), JSON.stringify({ ...record, maker: processRef(process.pid) }));
  }

  async read(vmid: number): Promise<CloneRecord | null> {
    return readJsonFile<CloneRecord>(this.#path(vmid));
  }

  async remove(vmid: number): Promise<void> {
    await rm(this.#path(vmid), { force: true });
  }

  /** Nothing is to be removed for the clone any more: its vmid may be another machine's from now on. */
  async forgetMachine(vmid: number): Promise<void> {
    if ((await this.read(vmid))?.spec) await this.remove(vmid);
  }

  /** Those whose maker is gone, by the clone's vmid. */
  async abandoned(): Promise<Map<number, CloneRecord>> {
    const found = new Map<number, CloneRecord>();
    for (const file of await readdir(this.#folder).catch(() => [])) {
      const vmid = /^(\d+)\.json$/u.exec(file)?.[1];
      const record = vmid === undefined ? null : await this.read(Number(vmid));
      if (record && !(record.maker && isAlive(record.maker))) found.set(Number(vmid), record);
    }
    return found;
  }

  #path(vmid: number): string {
    return join(this.#folder, `${vmid}.json`);
  }
}

import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { readJsonFile, writeFileAtomic } from '@nakhoda/host';
import type { ProcessRef } from '@nakhoda/host';
import type { Execution } from '@nakhoda/schema';

/** A VM's run, from its start until somebody took note of its end. */
export interface RunRecord {
  /** VirtualBox's front-end process: the guest runs in it. */
  process: ProcessRef;
  /** The X server that the front end draws on; null where it needs none. */
  display: ProcessRef | null;
  execution: Execution;
  /** ISO 8601. */
  startedAt: string;
}

/**
 * What `process.json` in a VM's runtime folder holds: its run, why its last start came to nothing, or since when one is
 * under way whose processes could not be written down yet.
 */
export type RunFile = { run: RunRecord } | { failure: string } | { launching: string };

function runFilePath(runtimeDirectory: string): string {
  return join(runtimeDirectory, 'process.json');
}

/** The VM's last run or failed start; null when it was stopped in an orderly way or never started. */
export async function readRunFile(runtimeDirectory: string): Promise<RunFile | null> {
  return readJsonFile<RunFile>(runFilePath(runtimeDirectory));
}

/** Written by a crash-safe replace: a daemon that starts again finds its VMs by this file. */
export async function writeRunFile(runtimeDirectory: string, file: RunFile): Promise<void> {
  await writeFileAtomic(runFilePath(runtimeDirectory), JSON.stringify(file, null, 2));
}

export async function removeRunFile(runtimeDirectory: string): Promise<void> {
  await rm(runFilePath(runtimeDirectory), { force: true });
}

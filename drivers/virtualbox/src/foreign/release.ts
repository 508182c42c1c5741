import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { DriverContext, MachineSpec } from '@nakhoda/driver';
import { readJsonFile, writeFileAtomic, fileExists } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import type { Parts } from '../parts.ts';
import { machineFilePath } from '../register.ts';
import type { RenamedSnapshot } from './adopted-document.ts';
import { forget } from './adopt.ts';
import { keepStore, ownerOf, returnStore } from './adopted-store.ts';
import { type AdoptionRecord, adoptionPaths, readAdoption, removeAdoption } from './adoption-record.ts';
import { restoreOwners } from './owned-tree.ts';
import { releaseDocument } from './released-document.ts';
import { listAgain, needClosed, notAdoptable, replaceFile, self } from './take.ts';

/** See `ForeignFacet.release`. Each part is repeated after a crash, from the file that the first one wrote. */
export async function release(parts: Parts, ctx: DriverContext, spec: MachineSpec): Promise<void> {
  const record = await readAdoption(spec.directory);
  if (record === null) return;
  await needClosed(record);
  const paths = adoptionPaths(spec.directory);
  const known = await parts.machines.find(spec.vmid);
  if (!(await fileExists(paths.returned))) {
    if (known === null)
      throw notAdoptable('VirtualBox does not know the VM any more, so what became of it cannot be told.', 'Look for its .vbox file.');
    const { status } = await parts.machines.view(known);
    if (status.pid !== undefined || !['stopped', 'crashed'].includes(status.state) || status.suspended) {
      throw new NakhodaError('vm.wrong-state', {
        message: `VM ${spec.vmid} is ${status.suspended ? 'suspended' : status.state} and cannot be given back.`,
        hint: 'Shut it down first.',
      });
    }
    if (await fileExists(record.file))
      throw notAdoptable(`${record.file} is there, and would be overwritten.`, 'Move it away, then try again.');
    const renamed = (await readJsonFile<RenamedSnapshot[]>(join(paths.folder, 'renamed.json'))) ?? [];
    const present = await readFile(machineFilePath(spec), 'utf8');
    const { xml, foreignDisks } = releaseDocument(present, await readFile(paths.machine, 'utf8'), { folder: record.folder, renamed });
    if (foreignDisks.length > 0)
      throw notAdoptable(
        `The VM has disks that are Nakhoda's: ${foreignDisks.join(', ')}.`,
        'Remove them first, and the snapshots that hold them.',
      );
    await keepStore(machineFilePath(spec), present, paths.returnedStore, await parts.account.fileOwner());
    await writeFileAtomic(paths.returned, xml);
  }
  // Disks, snapshots and saved memory stay where they are.
  await forget(parts, spec);
  await returnStore(record, paths.returnedStore);
  await replaceFile(record.file, await readFile(paths.returned), ownerOf(record, record.file));
  await keepOlder(ctx, record, paths);
  for (const left of await restoreOwners(record.entries, record.folder, self())) ctx.log(`Left as it is: ${left}`);
  await needClosed(record);
  await listAgain(record);
  await removeAdoption(spec.directory);
}

/** VirtualBox writes its newest settings format, which an older one of the user's may not read: then the user's former file stays. */
async function keepOlder(ctx: DriverContext, { keptFile }: AdoptionRecord, paths: { machine: string; returned: string }): Promise<void> {
  const [former, present] = await Promise.all([paths.machine, paths.returned].map(async (path) => formatOf(await readFile(path, 'utf8'))));
  if (former === present) {
    await rm(keptFile, { force: true });
    return;
  }
  ctx.log(
    `The settings are in the format ${present} now, and were in ${former}: the user's VirtualBox has to be able to read that. The former file stays: ${keptFile}`,
  );
}

/** The format's version, such as `1.19-linux`. */
function formatOf(xml: string): string {
  return /<VirtualBox\b[^>]*\sversion="([\w.-]{1,32})"/u.exec(xml)?.[1] ?? 'unknown';
}

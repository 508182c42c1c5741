import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import type { DriverContext, ForeignOwner, MachineSpec } from '@nakhoda/driver';
import { writeFileAtomic } from '@nakhoda/host';

import { alignNics, existsOutside, forgetMachine } from '../define.ts';
import { agentSocket, serialSocket } from '../definition-plan.ts';
import { releaseOf } from '../host-facts.ts';
import { machineName, specPath } from '../machines.ts';
import type { Parts } from '../parts.ts';
import { machineFilePath } from '../register.ts';
import { vmLane } from '../vboxmanage.ts';
import { adoptDocument } from './adopted-document.ts';
import { type AdoptionRecord, adoptionPaths, readAdoption } from './adoption-record.ts';
import { copyStore, machineStore } from './adopted-store.ts';
import { type SurveyedMachine, surveyMachines } from './survey.ts';
import { notAdoptable, readRegistry, self } from './take.ts';
import { withoutMachine } from './user-registry.ts';

/** Everything that a user has, as far as it can be read. */
export async function survey(parts: Parts, owner: ForeignOwner): Promise<SurveyedMachine[]> {
  const machines = await parts.machines.all();
  const ours = machines.flatMap(({ vmid, observed }) =>
    (observed?.attachments ?? []).flatMap(({ baseLocation, type }): [string, string][] =>
      type === 'HardDisk' && baseLocation !== null ? [[baseLocation, machineName(vmid)]] : [],
    ),
  );
  return surveyMachines({
    owner,
    self: self(),
    ours: new Map(ours),
    isolated: parts.isolated,
    version: releaseOf(parts.hostFacts().version ?? ''),
  });
}

/** See `ForeignFacet.keep`. */
export async function keep(parts: Parts, owner: ForeignOwner, spec: MachineSpec): Promise<void> {
  // A task that is repeated after `take` would find nothing any more.
  if ((await readAdoption(spec.directory)) !== null) return;
  const machine = (await survey(parts, owner)).find((candidate) => candidate.survey.vm.uuid === spec.uuid);
  const { vm, found } = machine?.survey ?? {};
  if (machine === undefined || vm === undefined)
    throw notAdoptable(`${owner.user} has this VM no more.`, 'List the VMs: nakhoda foreign list');
  if (found === null || found === undefined || machine.content === null) {
    throw notAdoptable(`${vm.name} cannot be adopted: ${vm.reasons.join(' ')}`, 'Put that in order, then try again.');
  }
  if (!isDeepStrictEqual(found.adopted.found, spec.found)) {
    throw notAdoptable(`${vm.name} has been changed while it was about to be adopted.`, 'Try again.');
  }
  const paths = adoptionPaths(spec.directory);
  const registry = await stat(machine.registry);
  const folder = dirname(vm.file);
  const record: AdoptionRecord = {
    ...{ user: owner.user, uid: owner.uid, gid: owner.gid, settings: dirname(machine.registry), uuid: vm.uuid, name: vm.name },
    registry: { path: machine.registry, mode: registry.mode & 0o7777, gid: registry.gid, modifiedAt: registry.mtimeMs / 1000 },
    ...{ entry: '', file: vm.file, keptFile: `${vm.file}.kept-by-nakhoda`, folder, store: machine.store, entries: machine.entries },
  };
  const { content } = await readRegistry(record);
  const cut = withoutMachine(content.toString('utf8'), vm.uuid);
  if (cut === null)
    throw notAdoptable(
      `${machine.registry} lists ${vm.name} in a way that cannot be cut out.`,
      'Have its user open VirtualBox once, which writes the file anew.',
    );
  await mkdir(paths.folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(paths.machine, machine.content);
  await writeFileAtomic(paths.registry, content);
  await writeFileAtomic(paths.record, JSON.stringify({ ...record, entry: cut.entry }, null, 2));
}

/** See `ForeignFacet.adopt`. */
export async function adopt(parts: Parts, ctx: DriverContext, spec: MachineSpec): Promise<void> {
  const record = await readAdoption(spec.directory);
  if (record === null || spec.found === undefined) throw new Error('nothing was kept before the VM is adopted');
  const registered = await parts.machines.registeredFile(spec);
  const path = machineFilePath(spec);
  if (registered !== null && (registered.uuid !== spec.uuid || registered.file !== path)) throw existsOutside(spec);
  await parts.folders.add(spec.vmid, spec.found.folders, parts.account);
  if (registered === null) {
    const document = adoptDocument(await readFile(adoptionPaths(spec.directory).machine, 'utf8'), {
      name: machineName(spec.vmid),
      file: record.file,
      sockets: { serial: serialSocket(spec.runtimeDirectory), agent: agentSocket(spec.runtimeDirectory) },
    });
    for (const { name, safeName } of document.renamed)
      ctx.log(`The snapshot ${JSON.stringify(name)} is called ${safeName} while it is here.`);
    if (document.gone.length > 0) ctx.log(`Rests until the VM is given back, for it reaches into the host: ${document.gone.join(', ')}.`);
    await mkdir(spec.runtimeDirectory, { recursive: true, mode: 0o700 });
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await copyStore(record, machineStore(spec), await parts.account.fileOwner());
    await writeFileAtomic(path, document.xml);
    await writeFileAtomic(join(adoptionPaths(spec.directory).folder, 'renamed.json'), JSON.stringify(document.renamed));
    await writeFileAtomic(specPath(spec.directory), JSON.stringify(spec, null, 2));
    await parts.account.prepare(spec);
    await parts.vbox.run(['registervm', path], { lanes: [vmLane(spec.vmid)], signal: ctx.signal });
  }
  await alignNics(parts, ctx.signal, spec);
}

/** See `ForeignFacet.forget`. */
export async function forget(parts: Parts, spec: MachineSpec): Promise<void> {
  await forgetMachine(parts, spec);
  await rm(specPath(spec.directory), { force: true });
  await parts.folders.remove(spec.vmid);
}

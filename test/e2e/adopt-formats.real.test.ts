import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { Driver, ForeignFacet, ForeignOwner, ForeignSurvey, MachineSpec, SnapshotFacet } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';
import { createVirtualBoxDriver } from '@nakhoda/driver-virtualbox';
import { findVirtualBoxRuntime } from '@nakhoda/host';

import { isOn } from '../../drivers/virtualbox/src/secure-boot.ts';
import { writeVdi } from '../../drivers/virtualbox/src/vdi-image.ts';
import { programEnvironment } from '../../drivers/virtualbox/src/virtualbox-driver.ts';
import { makeLocked } from '../support/foreign-kinds.ts';
import { type ForeignUserHost, makeForeignUser, userIds } from '../support/foreign-virtualbox.ts';
import { endProcessesOf } from '../support/processes-of.ts';

/**
 * Adoption by the driver alone. Settings as VirtualBox 4.1 to 6.1 wrote them, read by the real program of today (see the
 * fixtures' own page); and UEFI, which the daemon refuses where there is no hardware virtualization, as it does for new VMs.
 */
const documents = new URL('../../drivers/virtualbox/src/foreign/fixtures/older/', import.meta.url);
let foreign: ForeignUserHost;
let home: string;
let driver: Driver;
let facet: ForeignFacet;
let snapshots: SnapshotFacet;

before(async () => {
  foreign = await makeForeignUser();
  home = await mkdtemp(join(tmpdir(), 'nkv-'));
  const runtime = await findVirtualBoxRuntime(process.env);
  driver = createVirtualBoxDriver({ userHome: join(home, 'virtualbox'), folders: [home], runtime, log: () => undefined });
  assert.ok(driver.foreign && driver.snapshots);
  facet = driver.foreign;
  snapshots = driver.snapshots;
});
after(async () => {
  await endProcessesOf(home);
  await foreign.dispose();
  await rm(home, { recursive: true, force: true });
});

const ownerOf = (): ForeignOwner => ({ user: foreign.user, ...userIds(), home: foreign.folder, settings: foreign.settings });

async function changes(vmid: number): Promise<string[] | undefined> {
  const status = (await driver.list(testContext())).find((one) => one.vmid === vmid);
  assert.ok(status);
  return status.changedOutside;
}

async function adopt({ vm, found }: ForeignSurvey, vmid: number): Promise<MachineSpec> {
  assert.ok(found, vm.reasons.join(' '));
  const spec: MachineSpec = {
    ...{ vmid, name: `adopted-${vmid}`, uuid: vm.uuid, cores: found.cores, memoryMiB: found.memoryMiB, ...found.hardware },
    ...{ directory: join(home, 'images', String(vmid)), runtimeDirectory: join(home, 'run', String(vmid)) },
    ...{ disks: found.disks, cdrom: null, nics: [], found: found.adopted.found },
  };
  await mkdir(spec.directory, { recursive: true });
  await facet.keep(testContext(), { owner: ownerOf(), spec });
  await facet.take(testContext(), { directory: spec.directory });
  await facet.adopt(testContext(), { spec });
  return spec;
}

test('machines of older settings formats are adopted with disk and snapshot, and given back', async (t) => {
  const versions = (await readdir(documents)).flatMap((name) => /^([\d.]+)\.vbox$/u.exec(name)?.[1] ?? []).toSorted();
  assert.equal(versions.length, 6);
  // The list as VirtualBox itself writes it.
  await foreign.vboxManage('setextradata', 'global', 'GUI/SuppressMessages', 'all');
  await foreign.settle();
  const registry = join(foreign.settings, 'VirtualBox.xml');
  const entries: string[] = [];
  for (const version of versions) {
    const xml = (await readFile(new URL(`${version}.vbox`, documents), 'utf8')).replace('name="old"', `name="old ${version}"`);
    const folder = join(foreign.folder, version);
    await mkdir(join(folder, 'Snapshots'), { recursive: true });
    await writeFile(join(folder, `old ${version}.vbox`), xml);
    const [base = '', difference = ''] = [...xml.matchAll(/<HardDisk uuid="\{([^}]+)\}"/gu)].map(([, uuid]) => uuid ?? '');
    await writeVdi(join(folder, 'old.vdi'), { sizeBytes: 8 * 1024 ** 2, uuid: base });
    const parent = { uuid: base, modifyUuid: base };
    await writeVdi(join(folder, 'Snapshots', `{${difference}}.vdi`), { sizeBytes: 8 * 1024 ** 2, uuid: difference, parent });
    const uuid = /<Machine uuid="([^"]+)"/u.exec(xml)?.[1] ?? '';
    entries.push(`      <MachineEntry uuid="${uuid}" src="${join(folder, `old ${version}.vbox`)}"/>\n`);
  }
  const list = await readFile(registry, 'utf8');
  await writeFile(registry, list.replace(/<MachineRegistry\s*\/>/u, `<MachineRegistry>\n${entries.join('')}    </MachineRegistry>`));
  await foreign.settle();

  const owner = ownerOf();
  const surveys = await facet.list(testContext(), { owner });
  assert.deepEqual(
    surveys.map(({ vm }) => [vm.name, vm.reasons, vm.snapshots]),
    versions.map((version) => [`old ${version}`, [], 1]),
  );
  for (const [index, { vm, found }] of surveys.entries()) {
    const vmid = 100 + index;
    const spec = await adopt({ vm, found }, vmid);
    assert.deepEqual(driver.validate(spec), []);
    assert.deepEqual(await changes(vmid), undefined, vm.name);
    assert.deepEqual(
      (await snapshots.list(testContext(), { vmid })).map(({ name, memory }) => [name, memory]),
      [['before-the-upgrade', false]],
    );
    // Once of each layout: drives beside the hardware, and within it as VirtualBox itself has rewritten it by then.
    if (index === 0 || vm.name === 'old 1.16') {
      await snapshots.rollback(testContext(), { vmid, name: 'before-the-upgrade' });
      assert.deepEqual(await changes(vmid), undefined, vm.name);
    }
    await facet.release(testContext(), { spec });
    t.diagnostic(`${vm.name}: adopted and given back`);
  }
  for (const version of versions) {
    const info = await foreign.vboxManage('showvminfo', `old ${version}`, '--machinereadable');
    for (const words of ['VMState="poweroff"', 'SnapshotName="before the upgrade"', 'nic1="nat"', 'memory=64', 'SharedFolderName'])
      assert.ok(info.includes(words), `${words} in ${info}`);
    assert.match(info, /"SATA Controller-0-0"="[^"]*\.vdi"/u);
  }
  const kept = (await readdir(foreign.folder, { recursive: true })).filter((name) => name.endsWith('.kept-by-nakhoda'));
  assert.equal(kept.length, versions.length, 'the former files, which an older VirtualBox can read, stay');
});

test("UEFI's variables go back with snapshots of their user's and of ours, and then to the user", async () => {
  await makeLocked(foreign);
  await foreign.settle();
  const ours = programEnvironment(join(home, 'virtualbox'));
  const value = ['queryvar', '--name', 'SecureBootEnable'];
  const isOnHere = async (): Promise<boolean> => isOn(await foreign.vboxManageOf(ours, ['modifynvram', 'nakhoda-200', ...value]));
  const isOnThere = async (): Promise<boolean> => isOn(await foreign.vboxManage('modifynvram', 'locked', ...value));
  const survey = (await facet.list(testContext(), { owner: ownerOf() })).find(({ vm }) => vm.name === 'locked');
  assert.ok(survey);
  const spec = await adopt(survey, 200);
  assert.deepEqual([spec.firmware, spec.secureBoot, spec.tpm, await isOnHere()], ['uefi', false, true, false]);
  await snapshots.take(testContext(), { vmid: 200, name: 'off', description: '', memory: false });
  await snapshots.rollback(testContext(), { vmid: 200, name: 'on' });
  assert.equal(await isOnHere(), true);
  await facet.release(testContext(), { spec });
  assert.equal(await isOnThere(), true);
  const folder = join(foreign.folder, 'VirtualBox VMs/locked');
  const stores = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.nvram'));
  assert.deepEqual([stores.includes('locked.nvram'), stores.length], [true, 3]);
  const owner = userIds();
  assert.match((await foreign.tree())['VirtualBox VMs/locked/locked.nvram'] ?? '', new RegExp(`^${owner.uid} ${owner.gid} 100600 `, 'u'));
  await foreign.vboxManage('snapshot', 'locked', 'restore', 'off');
  assert.equal(await isOnThere(), false);
});

import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { defaultDisk, defaultNic, type MachineSpec } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { findTinyIso } from '@nakhoda/host';

import { createStep, modifyArgs } from './definition-plan.ts';
import { storageSteps } from './storage-plan.ts';
import { hardwareSupport } from './hardware.ts';
import { parseMachine } from './machine-file.ts';
import { machineFilePath } from './register.ts';
import { makeRealHost } from './testing/real-host.ts';
import type { RealHost } from './testing/real-host.ts';

// The `.vbox` file that the driver writes against the one that VirtualBox writes when it is told step by step.
const ctx = testContext();
const support = hardwareSupport('interpreter');
let host: RealHost;
before(async () => {
  host = await makeRealHost();
});
after(() => host.dispose());

/** The spec's machine made by VBoxManage alone. */
async function makeStepByStep(spec: MachineSpec): Promise<void> {
  await host.account.prepare(spec);
  await host.vboxManage(createStep(spec, `nakhoda-${spec.vmid}`).args);
  await host.vboxManage(modifyArgs(spec));
  const observed = parseMachine(await readFile(machineFilePath(spec), 'utf8'));
  for (const { args } of storageSteps(spec, { observed, existingImages: new Map() })) await host.vboxManage(args);
}

/** The file as VirtualBox writes it, without what differs between two machines anyhow. */
async function canonicalFile(spec: MachineSpec): Promise<string> {
  // VirtualBox writes the file when something changes.
  await host.vboxManage(['modifyvm', spec.uuid, '--description', 'written by VirtualBox']);
  const text = await readFile(machineFilePath(spec), 'utf8');
  assert.match(text, /written by VirtualBox/);
  return (
    text
      .replaceAll(spec.uuid, 'UUID')
      .replaceAll(/\{[0-9a-f-]{36}\}/gu, '{uuid}')
      .replaceAll(`/${spec.vmid}/`, '/VMID/')
      .replaceAll(`nakhoda-${spec.vmid}`, 'nakhoda-VMID')
      .replace(/lastStateChange="[^"]*"/u, '')
      // The interpreter's settings, which step by step come with the first start.
      .replace(/ *<ExtraData>[\s\S]*?<\/ExtraData>\n/u, '')
      // A NIC that is switched off, and keeps what it was made with.
      .replaceAll(/ *<Adapter (?![^>]*enabled="true")[^>]*[^/]>[\s\S]*?<\/Adapter>\n/gu, '')
      // What a NIC's other modes would be set to; VirtualBox keeps it for its own window.
      .replaceAll(/\n *<DisabledModes>[\s\S]*?<\/DisabledModes>/gu, '')
      .replaceAll(/(<Adapter [^>]*)>\s*<\/Adapter>/gu, '$1/>')
  );
}

test('one registration gives the machine that a dozen calls give', { timeout: 300_000 }, async (t) => {
  if (host.runtime === null) {
    if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
    t.skip('VirtualBox is not set up');
    return;
  }
  const cdrom = (await findTinyIso(process.env)) ?? assert.fail('the tiny guest is not built');
  const logged: string[] = [];
  const driver = host.makeDriver({ log: (line) => void logged.push(line) });
  t.after(() => driver.close());
  const disks = (vmid: number) =>
    [0, 1, 2, 3].map((index) => {
      const path = join(host.folder, 'images', String(vmid), `disk${index}.vdi`);
      return {
        slot: `disk${index}`,
        path,
        format: 'vdi' as const,
        sizeBytes: 1_000_000_001,
        ...defaultDisk(support),
        bus: 'sata' as const,
      };
    });
  const tunnel = { kind: 'udp-tunnel', localPort: 40_001, peerPort: 40_002 } as const;
  const nics = [
    { slot: 'net0', mac: '52:54:00:0a:0b:0c', attachment: tunnel, ...defaultNic(support) },
    { slot: 'net3', mac: '52:54:00:0a:0b:0d', attachment: { kind: 'none' } as const, ...defaultNic(support) },
  ];
  const variants: ((vmid: number) => Partial<MachineSpec>)[] = [
    () => ({ cdrom }),
    () => ({ cdrom: null, disks: [], nics }),
    // Without the CD: VirtualBox lists an image only with the machine that it was attached to first.
    (vmid) => ({ cdrom: null, disks: disks(vmid), nics: [], memoryMiB: 200 }),
  ];
  let vmid = 100;
  for (const variant of variants) {
    const [ours, theirs] = await Promise.all(
      [vmid++, vmid++].map(async (number) => {
        const base = await machineSpec({ folder: host.folder, vmid: number, diskFormat: 'vdi', hardware: support, cdrom: null });
        return { ...base, nics: [], name: 'same', ...variant(number) };
      }),
    );
    assert.ok(ours && theirs);
    await driver.define(ctx, { spec: ours });
    await makeStepByStep(theirs);
    for (const [index, disk] of ours.disks.entries()) {
      const info = await host.vboxManage(['showmediuminfo', 'disk', disk.path]);
      assert.match(info, /Format variant: dynamic default/);
      assert.match(info, /State: +created/);
      assert.equal((await stat(disk.path)).size, (await stat(theirs.disks[index]?.path ?? '')).size);
    }
    assert.equal(await canonicalFile(ours), await canonicalFile(theirs));
    for (const spec of [ours, theirs]) await host.vboxManage(['unregistervm', spec.uuid, '--delete']);
  }
  assert.deepEqual(logged, [], 'VirtualBox took every file');
});

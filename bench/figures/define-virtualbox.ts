import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { defaultDisk, defaultHardware, type MachineSpec } from '@nakhoda/driver';

import { createStep, modifyArgs } from '../../drivers/virtualbox/src/definition-plan.ts';
import { storageSteps } from '../../drivers/virtualbox/src/storage-plan.ts';
import { hardwareSupport } from '../../drivers/virtualbox/src/hardware.ts';
import { parseMachine } from '../../drivers/virtualbox/src/machine-file.ts';
import { machineFilePath } from '../../drivers/virtualbox/src/register.ts';
import { startDaemon } from '../../test/support/daemon-process.ts';
import { median, timed } from '../figure.ts';
import type { FigureRow } from '../figure.ts';
import { makeVms } from '../support/make-vms.ts';
import { virtualBoxByHand } from '../support/virtualbox-by-hand.ts';
import type { VBoxManageByHand } from '../support/virtualbox-by-hand.ts';

const count = 100;
const chunk = 25;
/** Each takes a second or so: enough of them for a median. */
const wholeByHand = 10;

/** How long 100 VirtualBox VMs take through Nakhoda, against `createvm` alone, and against the whole VM by hand. */
export async function defineVirtualbox(): Promise<FigureRow[]> {
  await using daemon = await startDaemon({ hypervisors: 'virtualbox' });
  const folder = await mkdtemp(join(tmpdir(), 'nkb-'));
  try {
    const { vboxManage: byHand, vms } = await virtualBoxByHand(folder);
    const request = (index: number) => ({ name: `vm-${index}`, hypervisor: 'virtualbox' as const, memoryMiB: 128, diskGiB: 4 });
    // Both services are warm.
    await byHand(['list', 'vms']);
    await makeVms(daemon, [request(10_000)], 1);

    let [created, ours, oursTogether] = [0, 0, 0];
    for (let from = 0; from < count; from += chunk) {
      const indexes = Array.from({ length: chunk }, (_, index) => from + index);
      created += await timed(async () => {
        for (const index of indexes) {
          const args = ['createvm', '--name', `hand-${index}`, '--basefolder', join(vms, 'bare'), '--ostype', 'Linux26_64', '--register'];
          await byHand(args);
        }
      });
      ours += await timed(() => makeVms(daemon, indexes.map(request), 1));
      oursTogether += await timed(() =>
        makeVms(
          daemon,
          indexes.map((index) => request(20_000 + index)),
          4,
        ),
      );
    }
    const whole: number[] = [];
    for (let index = 0; index < wholeByHand; index += 1) whole.push(await timed(() => makeByHand(byHand, vms, index)));

    const wholeHundred = median(whole) * count;
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
    const bare = `${seconds(created)}, ${count} × VBoxManage createvm by hand`;
    return [
      {
        ...{
          name: `define ${count} VirtualBox VMs, one after the other`,
          value: ours / 1000,
          unit: 's',
          against: bare,
          ratio: ours / created,
        },
        ...{ limit: { of: 'ratio', atMost: 1 } },
        note: 'Ours are whole VMs with a disk, made by tasks through the API; by hand it is an empty machine. In turns of 25.',
      },
      {
        ...{ name: `define ${count} VirtualBox VMs, four at a time`, value: oursTogether / 1000, unit: 's', against: bare },
        ...{ ratio: oursTogether / created, limit: { of: 'ratio', atMost: 1 } },
        note: 'The same 100, ordered as a script would: the next one when one of four is done.',
      },
      {
        ...{ name: `define ${count} VirtualBox VMs against the same VMs by hand`, value: ours / 1000, unit: 's' },
        ...{ against: `${seconds(wholeHundred)}, createvm, modifyvm, createmedium, storagectl, storageattach`, ratio: ours / wholeHundred },
        note: `By hand: the median of ${wholeByHand} VMs, times ${count}.`,
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
  }
}

/** The commands that lead to the VM that the driver makes. */
async function makeByHand(byHand: VBoxManageByHand, vms: string, index: number): Promise<void> {
  const support = hardwareSupport('interpreter');
  const vmid = 100 + index;
  const directory = join(vms, 'whole', String(vmid));
  const spec: MachineSpec = {
    ...{ vmid, name: `vm-${vmid}`, uuid: `11111111-2222-4333-8444-${String(vmid).padStart(12, '0')}`, cores: 1, memoryMiB: 128 },
    ...defaultHardware(support),
    ...{ directory, runtimeDirectory: join(vms, 'run', String(vmid)), cdrom: null, nics: [] },
    disks: [{ slot: 'disk0', path: join(directory, 'disk0.vdi'), format: 'vdi', sizeBytes: 4 * 1024 ** 3, ...defaultDisk(support) }],
  };
  await byHand(createStep(spec, `nakhoda-${vmid}`).args);
  await byHand(modifyArgs(spec));
  const observed = parseMachine(await readFile(machineFilePath(spec), 'utf8'));
  for (const { args } of storageSteps(spec, { observed, existingImages: new Map() })) await byHand(args);
}

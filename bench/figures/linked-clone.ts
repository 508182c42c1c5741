import { startDaemon } from '../../test/support/daemon-process.ts';
import { median, timed } from '../figure.ts';
import type { FigureRow } from '../figure.ts';
import { doTask } from '../support/make-vms.ts';

const rounds = 7;

/** How long it takes through the daemon from the order for a linked clone of a template until it runs; the guest's boot is its own affair. */
export async function linkedClone(): Promise<FigureRow[]> {
  await using daemon = await startDaemon({ hypervisors: 'qemu,virtualbox' });
  const rows: FigureRow[] = [];
  for (const hypervisor of ['qemu', 'virtualbox'] as const) {
    const [template, clone] = [`${hypervisor}-template`, `${hypervisor}-clone`];
    const body = { name: template, hypervisor, memoryMiB: 128, diskGiB: 1, cdrom: 'tiny' } as const;
    await doTask(daemon, await daemon.client.call('vm.create', { body }));
    await doTask(daemon, await daemon.client.call('vm.set', { params: { vm: template }, body: { template: true } }));
    const starts: number[] = [];
    const clones: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const order = { params: { vm: template }, body: { name: clone, linked: true, start: true } };
      clones.push(await timed(async () => doTask(daemon, await daemon.client.call('vm.clone', order))));
      await doTask(daemon, await daemon.client.call('vm.stop', { params: { vm: clone } }));
      starts.push(await timed(async () => doTask(daemon, await daemon.client.call('vm.start', { params: { vm: clone } }))));
      await doTask(daemon, await daemon.client.call('vm.stop', { params: { vm: clone } }));
      await doTask(daemon, await daemon.client.call('vm.destroy', { params: { vm: clone } }));
    }
    await doTask(daemon, await daemon.client.call('vm.destroy', { params: { vm: template } }));
    rows.push({
      ...{ name: `${hypervisor}: linked clone of a template, from the order until it runs, whole task`, value: median(clones), unit: 'ms' },
      ...{ against: `${Math.round(median(starts))} ms, a start alone`, ratio: median(clones) / median(starts) },
      limit: { of: 'value', atMost: 1_500 },
      note: `Medians of ${rounds}; the longest took ${Math.round(Math.max(...clones))} ms.`,
    });
  }
  return rows;
}

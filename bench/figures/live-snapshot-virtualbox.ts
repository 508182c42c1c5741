import { startDaemon } from '../../test/support/daemon-process.ts';
import { daemonVBoxManage } from '../../test/support/daemon-virtualbox.ts';
import { median, timed } from '../figure.ts';
import type { FigureRow } from '../figure.ts';
import { doTask } from '../support/make-vms.ts';

const rounds = 7;

/** How long a live snapshot with memory of a running VirtualBox VM takes through Nakhoda, and by VBoxManage on the same guest. */
export async function liveSnapshotVirtualbox(): Promise<FigureRow[]> {
  await using daemon = await startDaemon({ hypervisors: 'virtualbox' });
  const byHand = await daemonVBoxManage(daemon.data);
  const body = { name: 'guest', hypervisor: 'virtualbox', memoryMiB: 512, diskGiB: 1, cdrom: 'tiny', start: true } as const;
  await doTask(daemon, await daemon.client.call('vm.create', { body }));
  const booted = await daemon.cli(['vm', 'exec', 'guest', '--', 'true'], { timeoutMs: 10_000 });
  for (let tries = 0; booted.exitCode !== 0; tries += 1) {
    const again = await daemon.cli(['vm', 'exec', 'guest', '--', 'true'], { timeoutMs: 60_000 });
    if (again.exitCode === 0) break;
    if (tries > 20) throw new Error(`The guest does not answer: ${again.stderr}`);
  }
  const { uuid } = await daemon.client.call('vm.show', { params: { vm: 'guest' } });

  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const params = { vm: 'guest' };
    ours.push(
      await timed(async () => doTask(daemon, await daemon.client.call('snapshot.take', { params, body: { name: 'ours', memory: true } }))),
    );
    await doTask(daemon, await daemon.client.call('snapshot.delete', { params: { vm: 'guest', name: 'ours' } }));
    theirs.push(await timed(() => byHand(['snapshot', uuid, 'take', 'theirs', '--live'])));
    await byHand(['snapshot', uuid, 'delete', 'theirs']);
  }
  await doTask(daemon, await daemon.client.call('vm.stop', { params: { vm: 'guest' } }));
  await doTask(daemon, await daemon.client.call('vm.destroy', { params: { vm: 'guest' } }));
  const [us, them] = [median(ours), median(theirs)];
  return [
    {
      ...{ name: 'VirtualBox: live snapshot with memory, whole task', value: us, unit: 'ms' },
      ...{ against: `${Math.round(them)} ms, VBoxManage snapshot take --live`, ratio: us / them, limit: { of: 'ratio', atMost: 1.1 } },
      note: `Medians of ${rounds}, taken in turn, of a guest with 512 MiB that has booted.`,
    },
  ];
}

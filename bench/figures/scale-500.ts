import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';

import { waitFor } from '@nakhoda/host';
import type { Vm, VmCreate } from '@nakhoda/schema';

import { startDaemon } from '../../test/support/daemon-process.ts';
import type { DaemonProcess } from '../../test/support/daemon-process.ts';
import { daemonVBoxManage } from '../../test/support/daemon-virtualbox.ts';
import { processesOf } from '../../test/support/processes-of.ts';
import { median, timed } from '../figure.ts';
import type { FigureRow } from '../figure.ts';
import { httpTimes } from '../support/http-time.ts';
import { doTask, makeVms } from '../support/make-vms.ts';

const each = 250;
const running = 10;
const idleSeconds = 60;
const nakhoda = fileURLToPath(new URL('../../nakhoda', import.meta.url));

/** Lists, looks and idleness of a daemon with 500 VMs, half of each kind. */
export async function scale500(): Promise<FigureRow[]> {
  await using daemon = await startDaemon({ hypervisors: 'qemu,virtualbox' });
  const many = (hypervisor: 'qemu' | 'virtualbox'): VmCreate[] =>
    Array.from({ length: each }, (_, index) => ({ name: `${hypervisor}-${index}`, hypervisor, memoryMiB: 32, diskGiB: 1 }));
  await makeVms(daemon, [...many('qemu'), ...many('virtualbox')], 4);
  // In this order: what VBoxManage does afterwards must not disturb the idle daemon.
  return [...(await idle(daemon)), ...(await lists(daemon)), ...(await looks(daemon))];
}

async function lists(daemon: DaemonProcess): Promise<FigureRow[]> {
  const vboxManage = await daemonVBoxManage(daemon.data);
  const { times, body } = await httpTimes(daemon.data, '/vms', 50);
  const count = (JSON.parse(body) as Vm[]).length;
  const commands: number[] = [];
  for (let round = 0; round < 15; round += 1) commands.push(await timed(() => listByCommand(daemon, [])));
  const ofVirtualBox: number[] = [];
  for (let round = 0; round < 15; round += 1) ofVirtualBox.push(await timed(() => listByCommand(daemon, ['--hypervisor', 'virtualbox'])));
  await vboxManage(['list', 'vms']);
  const theirs: number[] = [];
  for (let round = 0; round < 2; round += 1) theirs.push(await timed(() => vboxManage(['list', '--long', 'vms'])));
  const [inside, command, half, hand] = [median(times), median(commands), median(ofVirtualBox), median(theirs)];
  return [
    {
      ...{ name: `vm list of ${count} VMs, in the daemon`, value: inside, unit: 'ms', limit: { of: 'value', atMost: 10 } },
      note: 'Median of 50, as a client on the Unix socket sees it: the request, the answer in JSON and both ways are part of it.',
    },
    {
      ...{ name: `nakhoda vm list of ${count} VMs, the whole command`, value: command, unit: 'ms', limit: { of: 'value', atMost: 150 } },
      note: 'Median of 15, of ./nakhoda vm list, from its start to its end.',
    },
    {
      ...{ name: `nakhoda vm list of ${each} VirtualBox VMs, the whole command`, value: half, unit: 'ms' },
      ...{ against: `${Math.round(hand)} ms, VBoxManage list --long vms`, ratio: hand / half, limit: { of: 'ratio', atLeast: 100 } },
      note: 'The ratio says how many times faster. VBoxManage: median of 2, its service warm.',
    },
  ];
}

function listByCommand(daemon: DaemonProcess, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, NAKHODA_DATA: daemon.data };
    const child = spawn(nakhoda, ['vm', 'list', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`nakhoda vm list ended with ${code}`))));
  });
}

async function looks(daemon: DaemonProcess): Promise<FigureRow[]> {
  const vboxManage = await daemonVBoxManage(daemon.data);
  const { uuid } = await daemon.client.call('vm.show', { params: { vm: 'virtualbox-0' } });
  const theirs: number[] = [];
  for (let round = 0; round < 10; round += 1) theirs.push(await timed(() => vboxManage(['showvminfo', uuid])));
  const { times } = await httpTimes(daemon.data, '/vms/virtualbox-0', 30);

  const service = (await processesOf(daemon.data)).find(({ argv }) => argv[0]?.endsWith('/VBoxSVC'));
  if (service === undefined) throw new Error('VBoxSVC does not run.');
  process.kill(service.pid, 'SIGSTOP');
  let hung;
  let age;
  try {
    hung = await httpTimes(daemon.data, '/vms/virtualbox-0', 30);
    age = Date.now() - Date.parse((JSON.parse(hung.body) as Vm).observedAt);
  } finally {
    process.kill(service.pid, 'SIGCONT');
  }
  const [look, hungLook, hand] = [median(times), median(hung.times), median(theirs)];
  const against = `${hand.toFixed(0)} ms, VBoxManage showvminfo`;
  return [
    { name: 'vm show of a VirtualBox VM, in the daemon', value: look, unit: 'ms', against, ratio: look / hand },
    {
      ...{ name: 'vm show while VBoxSVC is stopped (SIGSTOP)', value: hungLook, unit: 'ms', against, ratio: hungLook / hand },
      ...{
        limit: { of: 'value', atMost: 50 },
        note: `It answers from what it observed; the last answer was ${age} ms old and says so (observedAt).`,
      },
    },
  ];
}

async function idle(daemon: DaemonProcess): Promise<FigureRow[]> {
  const main = (await processesOf(daemon.data)).find(({ argv }) => argv.some((part) => part.endsWith('apps/daemon/src/main.ts')));
  if (main === undefined) throw new Error('The daemon does not run.');
  for (let index = 0; index < running; index += 1) {
    await doTask(daemon, await daemon.client.call('vm.start', { params: { vm: `qemu-${index}` } }));
  }
  // VirtualBox's service leaves 5 s after its last client.
  await waitFor(async () => (await processesOf(daemon.data)).every(({ argv }) => !argv[0]?.endsWith('/VBoxSVC')), { timeoutMs: 20_000 });
  await delay(10_000);
  const before = await processorTicks(main.pid);
  await delay(idleSeconds * 1000);
  const share = ((await processorTicks(main.pid)) - before) / idleSeconds;
  const kib = Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${main.pid}/status`, 'utf8'))?.[1]);
  for (let index = 0; index < running; index += 1) {
    await doTask(daemon, await daemon.client.call('vm.stop', { params: { vm: `qemu-${index}` } }));
  }
  const name = `the daemon with ${each * 2} VMs, ${running} of them running`;
  return [
    {
      name: `${name}: memory`,
      value: kib / 1024,
      unit: 'MiB',
      limit: { of: 'value', atMost: 150 },
      note: 'Resident, after all were made by it.',
    },
    {
      ...{ name: `${name}: processor`, value: share, unit: '% of a core', limit: { of: 'value', atMost: 3 } },
      note: `Over ${idleSeconds} s in which nothing happens; /proc/PID/stat, without guests. Four rounds of the reconciler are in it.`,
    },
  ];
}

/** Hundredths of a second that a process has used: the unit of proc_pid_stat(5) on Linux. */
async function processorTicks(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

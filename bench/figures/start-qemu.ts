import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { readJsonFile } from '@nakhoda/host';

import type { RunRecord } from '../../drivers/qemu/src/machine-record.ts';
import { QmpClient } from '../../drivers/qemu/src/qmp/qmp-client.ts';
import { startDaemon } from '../../test/support/daemon-process.ts';
import type { DaemonProcess } from '../../test/support/daemon-process.ts';
import { median } from '../figure.ts';
import type { FigureRow } from '../figure.ts';
import { doTask, makeVms } from '../support/make-vms.ts';

const rounds = 15;

/** How long a start takes from the request until the guest's processors run, and the same command line by hand. */
export async function startQemu(): Promise<FigureRow[]> {
  await using daemon = await startDaemon({ hypervisors: 'qemu' });
  await doTask(daemon, await daemon.client.call('network.create', { body: { name: 'lab', cidr: '10.77.0.0/24', dhcp: true } }));
  const base = { hypervisor: 'qemu', memoryMiB: 128, diskGiB: 1 } as const;
  await makeVms(
    daemon,
    [
      { ...base, name: 'plain' },
      { ...base, name: 'wired', network: 'lab' },
    ],
    1,
  );

  const ours: Started[] = [];
  const wired: Started[] = [];
  const byHand: number[] = [];
  let argv: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    ours.push(await startOurs(daemon, 'plain'));
    argv = (await runRecord(daemon, 'plain')).argv;
    await stop(daemon, 'plain');
    byHand.push(await startByHand(daemon, argv));
    wired.push(await startOurs(daemon, 'wired'));
    await stop(daemon, 'wired');
  }
  const accepted = median(ours.map((one) => one.fromAccepted));
  const sent = median(ours.map((one) => one.fromSent));
  const hand = median(byHand);
  const tap = median(wired.map((one) => one.fromAccepted)) - accepted;
  const against = `${hand.toFixed(1)} ms, the same command line by hand`;
  const how = `Medians of ${rounds}, taken in turn. Ours ends when the event stream tells "running", by hand with QMP's RESUME.`;
  return [
    {
      ...{ name: 'QEMU: start accepted to running', value: accepted, unit: 'ms', against, ratio: accepted / hand },
      ...{ limit: { of: 'ratio', atMost: 1.3 }, note: how },
    },
    { name: 'QEMU: start sent to running', value: sent, unit: 'ms', against, ratio: sent / hand, note: 'With the request itself.' },
    {
      ...{ name: 'QEMU: what a TAP on a bridge adds to a start', value: tap, unit: 'ms', limit: { of: 'value', atMost: 15 } },
      note: 'The difference of two medians, in a network namespace: making the TAP and joining it to the bridge is part of it.',
    },
    { name: 'virsh start', value: null, unit: 'ms', note: 'libvirt is not used here; nothing of it was measured.' },
  ];
}

interface Started {
  fromSent: number;
  fromAccepted: number;
}

async function startOurs(daemon: DaemonProcess, name: string): Promise<Started> {
  const listening = new AbortController();
  const running = Promise.withResolvers<number>();
  const listen = (async () => {
    for await (const event of daemon.client.events({ signal: listening.signal })) {
      if (event.type === 'vm' && event.vm.name === name && event.vm.state === 'running') running.resolve(performance.now());
    }
  })().catch(() => undefined);
  // The stream stands before the order is given: its first event is that of a request sent after it.
  await daemon.client.call('vm.list', {});
  await delay(50);
  const sent = performance.now();
  const task = await daemon.client.call('vm.start', { params: { vm: name } });
  const accepted = performance.now();
  const at = await running.promise;
  await doTask(daemon, task);
  listening.abort();
  await listen;
  return { fromSent: at - sent, fromAccepted: at - accepted };
}

async function stop(daemon: DaemonProcess, name: string): Promise<void> {
  await doTask(daemon, await daemon.client.call('vm.stop', { params: { vm: name } }));
}

async function runRecord(daemon: DaemonProcess, name: string): Promise<RunRecord> {
  const { vmid } = await daemon.client.call('vm.show', { params: { vm: name } });
  const record = await readJsonFile<RunRecord>(join(daemon.data, 'run/vm', String(vmid), 'process.json'));
  if (record === null) throw new Error(`${name} has no record of its run.`);
  return record;
}

/** Milliseconds from the start of the command line until QMP tells that the guest runs; the program is ended afterwards. */
async function startByHand(daemon: DaemonProcess, argv: readonly string[]): Promise<number> {
  const socketPath = /path=([^,]*)/.exec(argv.find((part) => part.startsWith('socket,id=qmp,')) ?? '')?.[1];
  const [program = '', ...args] = argv;
  if (socketPath === undefined) throw new Error('The command line has no QMP socket.');
  const since = performance.now();
  const child = spawn(program, args, { stdio: 'ignore', cwd: daemon.data });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const qmp = await connect(socketPath);
  const { promise: resumed, resolve } = Promise.withResolvers<number>();
  qmp.onEvent(({ event }) => {
    if (event === 'RESUME') resolve(performance.now());
  });
  await qmp.execute('cont', {});
  const took = (await resumed) - since;
  await qmp.execute('quit', {});
  await ended;
  qmp.close();
  await rm(socketPath, { force: true });
  return took;
}

async function connect(socketPath: string): Promise<QmpClient> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await QmpClient.connect({ socketPath, timeoutMs: 5000 });
    } catch (error) {
      if (tries > 5000) throw error;
      await delay(1);
    }
  }
}

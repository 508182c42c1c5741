import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { countColours, readPng, RfbViewer } from '@nakhoda/driver/contract';
import { tcpListenersOf, waitFor } from '@nakhoda/host';
import { type ConsoleTicket, NakhodaError, type Vm } from '@nakhoda/schema';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { openVnc } from '../support/open-web-socket.ts';
import type { VncVisit } from '../support/vnc-visitor.ts';

/** Screens and keyboards of real guests, from a viewer's WebSocket or the command line to what happens in the guest. */
let daemon: DaemonProcess;
let folder = '';
const hypervisors = ['qemu', 'virtualbox'] as const;
/** VirtualBox's interpreter takes about a minute, much more on a machine with other work. */
const bootLimitMs = 300_000;
const visitor = fileURLToPath(new URL('../support/vnc-visitor.ts', import.meta.url));
/** Tickets that were given out: neither they nor what is typed may be in the log. */
const secrets: string[] = [];

const show = (vm: string): Promise<Vm> => daemon.json<Vm>('vm', 'show', vm);
const socketPath = (): string => join(daemon.data, 'run/nakhoda.sock');

async function ticketFor(vm: string, kind: ConsoleTicket['kind'] = 'vnc'): Promise<ConsoleTicket> {
  const ticket = await daemon.client.call('vm.console-ticket', { params: { vm }, body: { kind } });
  secrets.push(ticket.ticket);
  return ticket;
}

async function view(vm: string): Promise<RfbViewer> {
  return RfbViewer.open(await openVnc(socketPath(), (await ticketFor(vm)).websocket), 30);
}

/** What a command that was typed on the screen's keyboard left in a file of the guest. */
async function untilFile(vm: string, path: string, expected: string): Promise<void> {
  let seen = '';
  const isThere = async (): Promise<boolean> => {
    seen = (await daemon.cli(['vm', 'exec', vm, '--', 'cat', path])).stdout;
    return seen === expected;
  };
  await waitFor(isThere, { timeoutMs: 60_000, pollMs: 300 });
  assert.equal(seen, expected);
}

/** Ports that VirtualBox listens on for viewers. */
async function listeners(vm: string): Promise<string[]> {
  const { pid } = await show(vm);
  assert.ok(pid);
  return (await tcpListenersOf(pid)).map(({ address, port }) => `${address}:${port}`);
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nkv-'));
  daemon = await startDaemon({ hypervisors: hypervisors.join(',') });
  await Promise.all(
    hypervisors.map((hypervisor) =>
      daemon.json('vm', 'create', hypervisor, '--hypervisor', hypervisor, '--memory', '128', '--disk', '1', '--cdrom', 'tiny', '--start'),
    ),
  );
  for (const vm of hypervisors) {
    const answers = async (): Promise<boolean> => (await daemon.cli(['vm', 'exec', vm, '--', 'true'])).exitCode === 0;
    assert.ok(await waitFor(answers, { timeoutMs: bootLimitMs, pollMs: 500 }), `the guest of ${vm} answers`);
  }
});
after(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});
// Each time, as only the end of the log is kept.
afterEach(() => {
  const log = daemon.log();
  for (const secret of [...secrets, 'Selamat', 'VNCPassword']) assert.ok(!log.includes(secret), `${secret} is in the log`);
});

for (const vm of hypervisors) {
  test(`${vm}: a ticket opens its screen over HTTPS, once, without a login`, async (t: TestContext) => {
    const begun = performance.now();
    const { websocket } = await ticketFor(vm);
    const visit = async (): Promise<VncVisit> => {
      const { stdout, stderr, exitCode } = await daemon.inNamespace([process.execPath, visitor, await daemon.url(), websocket]);
      assert.equal(exitCode, 0, stderr);
      return JSON.parse(stdout) as VncVisit;
    };
    const { colours, ...first } = await visit();
    t.diagnostic(`${vm}: from ticket to picture in ${Math.round(performance.now() - begun)} ms, a new process included`);
    assert.deepEqual(first, { status: 101, width: 720, height: 400 });
    assert.ok(colours >= 2);
    assert.match(daemon.log(), new RegExp(`vnc console of ${vm} \\(\\d+\\) opened by root@local`, 'u'));
    assert.equal((await visit()).status, 401, 'a second time');
  });

  test(`${vm}: a screenshot shows what a viewer sees`, async (t: TestContext) => {
    const file = join(folder, `${vm}.png`);
    await daemon.json('vm', 'screenshot', vm, '--out', file);
    const png = readPng(await readFile(file));
    const viewer = await view(vm);
    const frame = await viewer.frame();
    viewer.close();
    assert.deepEqual([png.width, png.height, png.isBlank], [frame.width, frame.height, false]);
    t.diagnostic(`${vm}: ${png.width} by ${png.height} pixels in ${(await stat(file)).size} bytes`);
  });

  test(`${vm}: what is typed on the command line arrives on its keyboard, and shows on its screen`, async () => {
    const viewer = await view(vm);
    const before = await viewer.frame();
    assert.deepEqual(await daemon.json('vm', 'type', vm, 'echo "Selamat Datang; 100%" >/tmp/typed', '--enter'), { pressed: 40 });
    await untilFile(vm, '/tmp/typed', 'Selamat Datang; 100%\n');
    const after = await viewer.frame();
    viewer.close();
    assert.ok(countColours(after) >= 2 && !after.pixels.equals(before.pixels), 'the viewer sees another screen');

    await daemon.json('vm', 'type', vm, 'echo lost');
    await daemon.json('vm', 'keys', vm, 'ctrl-c', 'l', 's', 'space', 'shift-dot', 'slash', 't', 'm', 'p', 'slash', 'k', 'enter');
    const exists = async (): Promise<boolean> => (await daemon.cli(['vm', 'exec', vm, '--', 'ls', '/tmp/k'])).exitCode === 0;
    assert.ok(await waitFor(exists, { timeoutMs: 60_000, pollMs: 300 }), 'the combinations did what they should');
    const refused = await daemon.cli(['vm', 'type', vm, 'Grüße', '--json']);
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /keyboard\.untypable.*ü.*ß/u);
  });
}

test('virtualbox: its VNC server is on while somebody looks, on loopback alone', async () => {
  assert.ok(await waitFor(async () => (await listeners('virtualbox')).length === 0, { timeoutMs: 10_000 }), 'nobody looks');
  const viewer = await view('virtualbox');
  const [only, ...others] = await listeners('virtualbox');
  assert.match(only ?? '', /^127\.0\.0\.1:\d+$/u);
  assert.deepEqual(others, []);
  viewer.close();
  assert.ok(await waitFor(async () => (await listeners('virtualbox')).length === 0, { timeoutMs: 10_000 }), 'it is off again');
});

for (const vm of hypervisors) {
  test(`${vm}: a viewer that asks and does not read fills neither the daemon's memory nor stops the guest`, async (t: TestContext) => {
    const { pid } = await daemon.client.call('system.status');
    const residentMiB = async (): Promise<number> =>
      Number(/VmRSS:\s+(\d+) kB/u.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
    const connection = await openVnc(socketPath(), (await ticketFor(vm)).websocket);
    const viewer = await RfbViewer.open(connection, 30);
    const before = await residentMiB();
    // Everything, 200 times over: 220 MiB of pixels.
    const everything = Buffer.from([3, 0, 0, 0, 0, 0, 720 >> 8, 720 & 0xff, 400 >> 8, 400 & 0xff]);
    for (let count = 0; count < 200; count += 1) connection.stream.write(everything);
    let most = before;
    for (let count = 0; count < 5; count += 1) {
      assert.equal((await daemon.cli(['vm', 'exec', vm, '--', 'echo', 'still here'])).stdout, 'still here\n');
      most = Math.max(most, await residentMiB());
    }
    viewer.close();
    t.diagnostic(`${vm}: the daemon had ${before.toFixed(0)} MiB, and ${most.toFixed(0)} MiB at most`);
    assert.ok(most - before < 60, `the daemon grew by ${(most - before).toFixed(0)} MiB`);
  });
}

test('a QEMU that hangs is told as such within its time, and holds up nobody', async () => {
  const { pid } = await show('qemu');
  assert.ok(pid);
  // What the tests before left behind is gone when the other VM's screen has been seen once.
  (await view('virtualbox')).close();
  process.kill(pid, 'SIGSTOP');
  try {
    const begun = performance.now();
    const hung = (error: unknown): boolean =>
      error instanceof NakhodaError && error.code === 'hypervisor.timeout' && /QEMU/u.test(error.message);
    const asked = [
      assert.rejects(openVnc(socketPath(), (await ticketFor('qemu')).websocket), /refused with 504/u),
      assert.rejects(daemon.client.download('vm.screenshot', { params: { vm: 'qemu' } }), hung),
      assert.rejects(daemon.client.call('vm.keys', { params: { vm: 'qemu' }, body: { keys: ['a'] } }), hung),
    ];
    let answered = false;
    const answers = Promise.all(asked).finally(() => {
      answered = true;
    });
    const viewer = await view('virtualbox');
    viewer.close();
    assert.ok(!answered, 'the other VM was held up until the requests to the hung one were answered');
    await answers;
    assert.ok(performance.now() - begun < 20_000, `after ${Math.round(performance.now() - begun)} ms`);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  const viewer = await waitFor(() => view('qemu').catch(() => null), { timeoutMs: 40_000, pollMs: 200 });
  assert.ok(viewer, 'it goes on');
  viewer.close();
});

test('the daemon is killed under its viewers: the next one serves new ones, and has switched off what was left on', async () => {
  const viewers = await Promise.all(hypervisors.map(view));
  assert.equal((await listeners('virtualbox')).length, 1);
  await daemon.kill();
  for (const viewer of viewers) viewer.close();
  await daemon.restart();
  assert.ok(await waitFor(async () => (await listeners('virtualbox')).length === 0, { timeoutMs: 20_000 }), 'it is off');
  for (const vm of hypervisors) {
    const viewer = await view(vm);
    assert.ok(countColours(await viewer.frame()) >= 2);
    viewer.close();
  }
});

test('qemu: nobody else reaches the socket of its screen', async () => {
  const { mode } = await stat(join(daemon.data, 'run/vm', String((await show('qemu')).vmid), 'vnc.sock'));
  assert.equal(mode & 0o077, 0);
});

for (const vm of hypervisors) {
  test(`${vm}: Ctrl-Alt-Delete reaches the guest, which switches itself off`, async () => {
    await daemon.json('vm', 'keys', vm, 'ctrl-alt-delete');
    const off = await waitFor(async () => (await show(vm)).state === 'stopped', { timeoutMs: 120_000, pollMs: 300 });
    assert.ok(off, JSON.stringify(await show(vm)));
    await daemon.json('vm', 'destroy', vm);
  });
}

import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { listenForText } from './text-channel.ts';
import type { TextChannel, TextListener } from './text-channel.ts';

/** The agent's channels: virtio-serial, as in QEMU guests, and the second UART, as in VirtualBox. */
export type AgentPort = 'virtio' | 'serial';

/** A running tiny guest. Limits are in milliseconds. */
export type TinyMachine = AsyncDisposable & {
  /** The first serial port, with the shell. */
  console: TextChannel;
  /** Runs a command of one line in that shell; gives its output, with LF as line end, and its exit code. */
  run(command: string): Promise<{ output: string; code: number }>;
  /** Sends a command to the guest agent and gives what it returns. */
  agent(port: AgentPort, command: string, args?: object): Promise<unknown>;
  pressPowerButton(): Promise<void>;
  /** Resolves when QEMU has ended because the guest switched itself off. */
  ended(limit: number): Promise<void>;
};

const replyLimit = 30_000;

/**
 * Boots the ISO in QEMU under TCG with 128 MiB of memory. `disk` is a raw image, `folder` takes the
 * sockets. The network is QEMU's own, restricted: the guest gets a lease and reaches nothing.
 */
export async function startTinyMachine(options: { iso: string; disk: string; folder: string }): Promise<TinyMachine> {
  await using stack = new AsyncDisposableStack();
  const listen = async (name: string): Promise<{ path: string; listener: TextListener }> => {
    const path = join(options.folder, `${name}.sock`);
    await rm(path, { force: true });
    return { path: escapeCommas(path), listener: stack.use(await listenForText(path)) };
  };
  const tty = await listen('console');
  const serial = await listen('serial');
  const virtio = await listen('virtio');
  const qmp = await listen('qmp');

  const qemu = spawn(
    'qemu-system-x86_64',
    [
      ['-nodefaults', '-accel', 'tcg', '-m', '128', '-display', 'none'],
      ['-boot', 'd', '-cdrom', options.iso],
      ['-drive', `file=${escapeCommas(options.disk)},format=raw,if=virtio`],
      ['-chardev', `socket,id=console,path=${tty.path}`, '-serial', 'chardev:console'],
      ['-chardev', `socket,id=serial,path=${serial.path}`, '-serial', 'chardev:serial'],
      ['-chardev', `socket,id=virtio,path=${virtio.path}`, '-device', 'virtio-serial'],
      ['-device', 'virtserialport,chardev=virtio,name=org.qemu.guest_agent.0'],
      ['-chardev', `socket,id=qmp,path=${qmp.path}`, '-mon', 'chardev=qmp,mode=control'],
      ['-nic', 'user,restrict=on,model=virtio-net-pci'],
    ].flat(),
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaint = '';
  qemu.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const exit = once(qemu, 'exit').then(() => qemu.exitCode);
  // Without this, a QEMU that is not installed would be an unhandled rejection later.
  exit.catch(() => {});
  stack.defer(async () => {
    if (qemu.exitCode === null && qemu.kill('SIGKILL')) await exit;
  });

  const early = exit.then((code) => {
    throw new Error(`QEMU ended with code ${code} before it was ready: ${complaint}`);
  });
  early.catch(() => {});
  const connected = ({ listener }: { listener: TextListener }) => Promise.race([listener.channel, early]);
  const console = await connected(tty);
  const agents = { serial: await connected(serial), virtio: await connected(virtio) };
  const control = await connected(qmp);
  await control.take(/"QMP"[^\n]*\n/, replyLimit);
  const order = async (command: string) => {
    control.send(`${JSON.stringify({ execute: command })}\n`);
    await control.take(/^\{"return"[^\n]*\n/m, replyLimit);
  };
  await order('qmp_capabilities');

  const parts = stack.move();
  return {
    console,
    async run(command) {
      // The echo of the command shows `$?` itself, so that only the result matches.
      console.send(`${command}; echo "<$?>"\n`);
      const { before, match } = await console.take(/<(\d+)>\r\n/, replyLimit);
      await console.take(/tiny# /, replyLimit);
      const echoEnd = before.indexOf('\n') + 1;
      return { output: before.slice(echoEnd).replaceAll('\r\n', '\n'), code: Number(match[1]) };
    },
    agent: (port, command, args) => callAgent(agents[port], command, args),
    pressPowerButton: () => order('system_powerdown'),
    async ended(limit) {
      const timer = AbortSignal.timeout(limit);
      const late = once(timer, 'abort').then(() => {
        throw new Error(`the guest was still running after ${limit} ms`);
      });
      const code = await Promise.race([exit, late]);
      if (code !== 0) throw new Error(`QEMU ended with code ${code}: ${complaint}`);
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** QEMU's options are separated by commas; one in a value is doubled. */
function escapeCommas(value: string): string {
  return value.replaceAll(',', ',,');
}

/**
 * One command of the agent's protocol (QEMU's docs/interop/qemu-ga.rst). What arrives before the
 * agent has opened its port is lost, so the sync is repeated until it is answered.
 */
async function callAgent(channel: TextChannel, command: string, args: object = {}): Promise<unknown> {
  const id = randomInt(1, 2 ** 31);
  const attempts = 60;
  for (let attempt = 1; ; attempt += 1) {
    channel.send(`${JSON.stringify({ execute: 'guest-sync', arguments: { id } })}\n`);
    try {
      await channel.take(new RegExp(`\\{"return": ${id}\\}\\s*\\n`), 1000);
      break;
    } catch (error) {
      if (attempt === attempts) throw error;
    }
  }
  channel.send(`${JSON.stringify({ execute: command, arguments: args })}\n`);
  // Answers to earlier syncs may still arrive before the reply.
  for (;;) {
    const { match } = await channel.take(/^(\{.*\})\s*\n/m, replyLimit);
    const reply: unknown = JSON.parse(match[1] ?? '');
    if (typeof reply !== 'object' || reply === null) continue;
    if ('error' in reply) throw new Error(`${command}: ${JSON.stringify(reply.error)}`);
    if ('return' in reply && reply.return !== id) return reply.return;
  }
}

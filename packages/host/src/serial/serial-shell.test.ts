import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { SerialHub } from './serial-hub.ts';
import { createSerialShell } from './serial-shell.ts';

/**
 * A guest's console as far as the shell sees it: it asks for the upload that the typed line announces and then prints
 * what `answer` gives for the script. The real one, busybox on ttyS0, is tested by the drivers.
 */
async function fakeConsole(answer: (id: string, script: string) => string | null, prompt = 'tiny# ') {
  const directory = await mkdtemp(join(tmpdir(), 'nakhoda-shell-'));
  const socketPath = join(directory, 's');
  let typed = '';
  let upload: { id: string; left: number; base64: string } | null = null;
  const line = (client: Socket, text: string): void => {
    typed += `${text}\n`;
    if (upload) {
      upload.base64 += text;
      upload.left -= 1;
      if (upload.left > 0) return;
      const printed = answer(upload.id, Buffer.from(upload.base64, 'base64').toString());
      upload = null;
      if (printed !== null) client.write(`${printed}\r\n${prompt}`);
      return;
    }
    const announced = /"<""(\w+):go>".* head -n (\d+)/.exec(text);
    if (announced) {
      upload = { id: announced[1] ?? '', left: Number(announced[2]), base64: '' };
      client.write(`${text}\r\n<${upload.id}:go>\r\n`);
    } else client.write(`\r\n${prompt}`);
  };
  const server = createServer((client) => {
    let rest = '';
    client.on('error', () => undefined);
    client.on('data', (data) => {
      rest += data.toString('latin1');
      if (rest.includes('\x03')) {
        upload = null;
        typed += '^C';
        rest = rest.slice(rest.lastIndexOf('\x03') + 1);
        client.write(`^C\r\n${prompt}`);
      }
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) line(client, text);
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const hub = new SerialHub({ socketPath, logPath: null, isAlive: () => false });
  return {
    hub,
    shell: createSerialShell(hub),
    typed: () => typed,
    [Symbol.asyncDispose]: async () => {
      hub.close();
      await new Promise((resolve) => server.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function run(console_: Awaited<ReturnType<typeof fakeConsole>>, timeoutMs = 5_000, signal?: AbortSignal) {
  let output = '';
  const result = console_.shell.exec({
    argv: ['date'],
    timeoutMs,
    onStdout: (data) => (output += Buffer.from(data).toString()),
    onStderr: (data) => (output += `E:${Buffer.from(data).toString()}`),
    ...(signal ? { signal } : {}),
  });
  return result.then(({ exitCode }) => ({ exitCode, output }));
}

test('a command gives its output and exit code', async () => {
  await using guest = await fakeConsole((id) => `<${id}:o:${base64('a')}>\r\n<${id}:e:${base64('b')}>\r\n<${id}:x:3:0:1:1>`);
  assert.equal(await guest.shell.probe({ timeoutMs: 2_000 }), true);
  assert.deepEqual(await run(guest), { exitCode: 3, output: 'aE:b' });
});

test('commands take turns', async () => {
  let running = 0;
  await using guest = await fakeConsole((id) => {
    running += 1;
    return `<${id}:o:${base64(String(running))}>\r\n<${id}:x:0:0:1:0>`;
  });
  const results = await Promise.all([run(guest), run(guest), run(guest)]);
  assert.deepEqual(
    results.map((result) => result.output),
    ['1', '2', '3'],
  );
});

test('a damaged upload is sent again, lost output is an error', async () => {
  let tries = 0;
  await using guest = await fakeConsole((id) => {
    tries += 1;
    return tries === 1 ? `<${id}:bad>` : `<${id}:o:${base64('a')}>\r\n<${id}:x:0:0:2:0>`;
  });
  await assert.rejects(run(guest), { code: 'guest.exec-failed', message: /part of its output was lost/ });
  assert.equal(tries, 2);
});

test('a command over its time is interrupted, and the console usable afterwards', async () => {
  let silent = true;
  await using guest = await fakeConsole((id) => (silent ? null : `<${id}:x:0:0:0:0>`));
  await assert.rejects(run(guest, 500), { code: 'guest.timeout' });
  assert.match(guest.typed(), /\^Crm -rf \/tmp\/nakhoda-\w+ .*;stty echo\n/);
  silent = false;
  assert.equal((await run(guest)).exitCode, 0);
});

test('an abort ends a command with its own reason', async () => {
  const controller = new AbortController();
  await using guest = await fakeConsole(() => {
    controller.abort(new Error('enough'));
    return null;
  });
  await assert.rejects(run(guest, 5_000, controller.signal), { message: 'enough' });
});

test('without the prompt nothing but an empty line is typed', async () => {
  await using guest = await fakeConsole(() => null, 'login: ');
  assert.equal(await guest.shell.probe({ timeoutMs: 400 }), false);
  await assert.rejects(run(guest, 400), { code: 'guest.no-agent' });
  assert.equal(guest.typed().replaceAll('\x15\n', ''), '');
});

test('a VM that stops ends the command', async () => {
  await using guest = await fakeConsole(() => {
    setImmediate(() => guest.hub.close());
    return null;
  });
  await assert.rejects(run(guest), { code: 'guest.not-running' });
  assert.equal(await guest.shell.probe({ timeoutMs: 100 }), false);
});

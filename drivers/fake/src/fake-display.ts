import { type Duplex, duplexPair } from 'node:stream';

import { type KeyboardFacet, type KeyCombination, parseCombination, planText, type ScreenFacet, type VncFacet } from '@nakhoda/driver';
import { encodePng, readExactly, welcomeRfbViewer } from '@nakhoda/host';

import type { FakeCore, FakeRun } from './fake-core.ts';

const [width, height] = [64, 48];

/** Red, green and blue of the only picture that there is: a slope of blue and green. */
function colour(x: number, y: number): [number, number, number] {
  return [0, y * 5, x * 4];
}

const places = Array.from({ length: width * height }, (_, index) => [index % width, Math.floor(index / width)] as const);

/** A VNC server for each viewer, which shows the picture and takes every message. */
export function fakeVnc(core: FakeCore): VncFacet {
  return {
    async open(ctx, { vmid }) {
      await core.enter('vnc.open', ctx);
      const { signal } = core.run(core.machines.get(vmid));
      const [stream, server] = duplexPair();
      const end = (): void => {
        for (const side of [stream, server]) side.destroy();
      };
      signal.addEventListener('abort', end, { once: true });
      stream.once('close', () => {
        signal.removeEventListener('abort', end);
        server.destroy();
      });
      serve(server, signal).catch(end);
      return { stream, password: null, server: "the fake hypervisor's VNC server" };
    },
  };
}

export function fakeScreen(core: FakeCore): ScreenFacet {
  return {
    async screenshot(ctx, { vmid }) {
      await core.enter('screen.screenshot', ctx);
      core.run(core.machines.get(vmid));
      return encodePng({ width, height, rgb: Uint8Array.from(places.flatMap(([x, y]) => colour(x, y))) });
    },
  };
}

/** What is typed goes to a shell that nobody sees. */
export function fakeKeyboard(core: FakeCore): KeyboardFacet {
  return {
    async sendKeys(ctx, { vmid, keys }) {
      await core.enter('keyboard.sendKeys', ctx);
      const machine = core.machines.get(vmid);
      type(core.run(machine), keys.map(parseCombination));
    },
    async typeText(ctx, { vmid, text }) {
      await core.enter('keyboard.typeText', ctx);
      const machine = core.machines.get(vmid);
      type(core.run(machine), planText(text));
    },
  };
}

/** What the keys of a terminal stand for; those that stand for nothing here are not missed. */
const characters = new Map<string, string>([
  ...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).map((one): [string, string] => [
    (planText(one)[0] ?? []).join('-'),
    one,
  ]),
  ['ret', '\r'],
  ['backspace', '\u007f'],
  ['ctrl-c', '\u0003'],
]);

function type({ terminal }: FakeRun, combinations: readonly KeyCombination[]): void {
  const { session } = terminal.open();
  session.write(Buffer.from(combinations.map((keys) => characters.get(keys.join('-')) ?? '').join('')));
  session.close();
}

/** Serves one viewer until it leaves (RFC 6143). Rejects then. */
async function serve(stream: Duplex, signal: AbortSignal): Promise<void> {
  const read = (length: number): Promise<Buffer> => readExactly(stream, length, signal);
  await welcomeRfbViewer(stream, { timeoutMs: 60_000, signal });
  stream.on('error', () => undefined);
  await read(1);
  const name = Buffer.from('fake');
  const init = Buffer.alloc(24);
  init.writeUInt16BE(width, 0);
  init.writeUInt16BE(height, 2);
  init.set([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0], 4);
  init.writeUInt32BE(name.length, 20);
  stream.write(Buffer.concat([init, name]));
  let shifts = [16, 8, 0];
  for (;;) {
    const type = (await read(1)).readUInt8();
    if (type === 0) shifts = [...(await read(19)).subarray(13, 16)];
    else if (type === 2) {
      const count = (await read(3)).readUInt16BE(1);
      if (count > 0) await read(count * 4);
    } else if (type === 3) {
      // Nothing ever changes, so only those who want everything anew get an answer.
      if ((await read(9)).readUInt8(0) === 0) stream.write(everything(shifts));
    } else if (type === 4) await read(7);
    else if (type === 5) await read(5);
    else if (type === 6) {
      const length = (await read(7)).readUInt32BE(3);
      if (length > 0) await read(length);
    } else return void stream.destroy();
  }
}

/** One update with one raw rectangle, the whole picture. @param shifts bits before red, green and blue in a pixel of 32 */
function everything(shifts: readonly number[]): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(width, 8);
  head.writeUInt16BE(height, 10);
  const pixels = Buffer.alloc(places.length * 4);
  for (const [index, [x, y]] of places.entries()) {
    const value = colour(x, y).reduce((sum, part, which) => sum + part * 2 ** (shifts[which] ?? 0), 0);
    pixels.writeUInt32LE(value, index * 4);
  }
  return Buffer.concat([head, pixels]);
}

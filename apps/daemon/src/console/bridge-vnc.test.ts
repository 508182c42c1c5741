import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { test } from 'node:test';

import { waitFor } from '@nakhoda/host';
import { type WebSocket as Socket, WebSocket, WebSocketServer } from 'ws';

import { bridgeVnc } from './bridge-vnc.ts';

/** Stands for a VNC server that sends as fast as it is read, without end. */
class Flood extends Duplex {
  /** Bytes that were read from it. */
  sent = 0;
  /** Bytes that came from the viewer. */
  readonly received: Buffer[] = [];
  override _read(): void {
    const piece = Buffer.alloc(64 * 1024, this.sent / (64 * 1024));
    this.sent += piece.length;
    setImmediate(() => this.push(piece));
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.received.push(chunk);
    done();
  }
}

interface Bridge extends AsyncDisposable {
  upstream: Flood;
  viewer: Socket;
  /** What has come so far. */
  greeting: Buffer[];
}

/** A viewer's real WebSocket, bridged to a flood. */
async function open(): Promise<Bridge> {
  const upstream = new Flood();
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) => void bridgeVnc(socket, upstream, 'web has stopped'));
  await once(server, 'listening');
  const viewer = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const greeting: Buffer[] = [];
  viewer.on('message', (data: Buffer) => greeting.push(data));
  await once(viewer, 'open');
  return {
    upstream,
    viewer,
    greeting,
    async [Symbol.asyncDispose]() {
      viewer.terminate();
      upstream.destroy();
      server.close();
    },
  };
}

/** Speaks RFB 3.8 as a viewer does, up to and with ClientInit. */
async function logIn({ viewer, greeting }: Bridge): Promise<void> {
  const until = async (length: number): Promise<void> => {
    assert.ok(await waitFor(() => Buffer.concat(greeting).length >= length, { timeoutMs: 5000, pollMs: 5 }));
  };
  await until(12);
  viewer.send(Buffer.from('RFB 003.008\n'));
  await until(14);
  viewer.send(Buffer.from([1]));
  await until(18);
  viewer.send(Buffer.from([1]));
}

/** Waits until the number has not changed for half a second. */
async function settled(read: () => number): Promise<number> {
  let before = -1;
  const isSettled = (): boolean => {
    const now = read();
    const same = now === before;
    before = now;
    return same;
  };
  assert.ok(await waitFor(isSettled, { timeoutMs: 20_000, pollMs: 500 }), 'it never comes to rest');
  return before;
}

test('a viewer that does not read stops the reading from the server, and goes on where it was', { timeout: 60_000 }, async () => {
  await using bridge = await open();
  const { upstream, viewer } = bridge;
  await logIn(bridge);
  viewer.pause();
  const waiting = await settled(() => upstream.sent);
  // Nearly all of it is in the kernel's buffers of the two sockets.
  assert.ok(waiting < 32 * 1024 * 1024, `${waiting} bytes are under way`);

  // Before it paused, some had come behind the 18 bytes of the handshake.
  let [got, inOrder] = [Buffer.concat(bridge.greeting).length - 18, true];
  const check = (data: Buffer): void => {
    for (let at = 0; at < data.length; at += 4096) inOrder &&= data[at] === (Math.floor((got + at) / (64 * 1024)) & 0xff);
    got += data.length;
  };
  viewer.removeAllListeners('message');
  viewer.on('message', check);
  viewer.resume();
  assert.ok(await waitFor(() => got > waiting, { timeoutMs: 20_000, pollMs: 20 }), 'the rest came');
  assert.ok(inOrder, 'in order');
  assert.equal(Buffer.concat(upstream.received).toString('hex'), '01', "the server got the viewer's ClientInit and nothing else");
});

test('a viewer that leaves ends the connection to the server', { timeout: 20_000 }, async () => {
  await using bridge = await open();
  await logIn(bridge);
  bridge.viewer.terminate();
  assert.ok(await waitFor(() => bridge.upstream.destroyed, { timeoutMs: 5000 }));
});

test('a server that goes is told to the viewer, with the reason', { timeout: 20_000 }, async () => {
  await using bridge = await open();
  await logIn(bridge);
  bridge.upstream.destroy();
  const [code, reason] = (await once(bridge.viewer, 'close')) as [number, Buffer];
  assert.deepEqual([code, reason.toString()], [1000, 'web has stopped']);
});

test('what speaks no RFB is turned away, and the server is let go', { timeout: 20_000 }, async () => {
  await using bridge = await open();
  bridge.viewer.send(Buffer.from('GET / HTTP/1.1'));
  const [code, reason] = (await once(bridge.viewer, 'close')) as [number, Buffer];
  assert.equal(code, 1002);
  assert.match(reason.toString(), /the viewer/u);
  assert.ok(bridge.upstream.destroyed);
});

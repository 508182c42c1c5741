import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import type { SerialSession } from '@nakhoda/driver';
import { waitFor } from '@nakhoda/host';
import { WebSocket, WebSocketServer } from 'ws';

import { bridgeSerial } from './bridge-serial.ts';
import { createSeats, mostViewers } from './seats.ts';
import { watchViewer } from './watch-viewer.ts';

async function connect(serve: (socket: WebSocket) => void): Promise<{ viewer: WebSocket } & AsyncDisposable> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', serve);
  await once(server, 'listening');
  const viewer = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  await once(viewer, 'open');
  return {
    viewer,
    async [Symbol.asyncDispose]() {
      viewer.terminate();
      server.close();
    },
  };
}

test('a viewer of the serial port that does not read is dropped before it fills the memory', { timeout: 60_000 }, async () => {
  const port = new EventEmitter();
  let isOpen = true;
  let waiting = 0;
  const session: SerialSession = {
    write: () => undefined,
    onData: (listener) => void port.on('data', listener),
    onClose: (listener) => void port.once('close', listener),
    close: () => {
      if (isOpen) port.emit('close');
      isOpen = false;
    },
  };
  await using connection = await connect((socket) => {
    socket.on('error', () => undefined);
    bridgeSerial(socket, session, Buffer.from('before'), 'gone');
    port.on('data', () => (waiting = Math.max(waiting, socket.bufferedAmount)));
  });
  connection.viewer.pause();
  const piece = Buffer.alloc(256 * 1024);
  const dropped = await waitFor(
    () => {
      port.emit('data', piece);
      return !isOpen;
    },
    { timeoutMs: 30_000, pollMs: 1 },
  );
  assert.ok(dropped, 'it was dropped');
  assert.ok(waiting < 5 * 1024 * 1024, `${waiting} bytes waited`);
});

test('a viewer that answers no ping is let go; one that does stays', { timeout: 20_000 }, async () => {
  const served: WebSocket[] = [];
  const serve = (socket: WebSocket): void => {
    served.push(socket);
    watchViewer(socket, 30);
  };
  await using alive = await connect(serve);
  await using dead = await connect(serve);
  dead.viewer.pause();
  let pings = 0;
  alive.viewer.on('ping', () => (pings += 1));
  assert.ok(await waitFor(() => served[1]?.readyState === WebSocket.CLOSED, { timeoutMs: 5000, pollMs: 10 }), 'the dead one is gone');
  assert.ok(await waitFor(() => pings > 4, { timeoutMs: 5000, pollMs: 10 }));
  assert.equal(served[0]?.readyState, WebSocket.OPEN);
});

test('a console has so many seats, and each is given back once', () => {
  const seats = createSeats();
  const leave = Array.from({ length: mostViewers }, () => seats.take('vnc 100'));
  assert.throws(() => seats.take('vnc 100'), { code: 'console.too-many' });
  seats.take('vnc 101');
  leave[0]?.();
  leave[0]?.();
  seats.take('vnc 100');
  assert.throws(() => seats.take('vnc 100'), { code: 'console.too-many' });
});

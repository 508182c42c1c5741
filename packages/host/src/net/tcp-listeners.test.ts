import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';

import { parseTcpListeners, pickLoopbackPort, tcpListenersOf } from './tcp-listeners.ts';

// Rows as Linux prints them. The first is what VirtualBox 7.2.22 listens on, besides its own port, when nobody prevents it.
const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:170C 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 78 1 0000000000000000 100 0 0 10 0
   2: 00000000000000000000000001000000:170C 00000000000000000000000001000000:9C40 01 00000000:00000000 00:00000000 00000000     0        0 77 1 0000000000000000 100 0 0 10 0
`;
const tcp4 = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:652D 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0000000000000000 100 0 0 10 0
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0000000000000000 100 0 0 10 0
`;

test('listeners of the given sockets alone, with address and port', () => {
  assert.deepEqual(parseTcpListeners(tcp4, 4, new Set(['77'])), [{ family: 4, address: '127.0.0.1', port: 25_901 }]);
  assert.deepEqual(parseTcpListeners(tcp6, 6, new Set(['77', '78'])), [
    { family: 6, address: '0'.repeat(32), port: 5900 },
    { family: 6, address: `${'0'.repeat(31)}1`, port: 8080 },
  ]);
  assert.deepEqual(parseTcpListeners('', 6, new Set(['77'])), []);
});

test('what this process listens on is seen, and its port is not given out', async () => {
  const server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const found = await tcpListenersOf(process.pid);
  assert.ok(found.some((listener) => listener.address === '127.0.0.1' && listener.port === port));
  assert.equal(await pickLoopbackPort({ from: port, to: port }), null);
  await new Promise((done) => server.close(done));
  assert.equal(await pickLoopbackPort({ from: port, to: port }), port);
});

test('every port of the range is looked at once', async () => {
  const asked: number[] = [];
  const isFree = async (port: number): Promise<boolean> => {
    asked.push(port);
    return false;
  };
  assert.equal(await pickLoopbackPort({ from: 5, to: 8, isFree, random: () => 0.6 }), null);
  assert.deepEqual(asked, [7, 8, 5, 6]);
});

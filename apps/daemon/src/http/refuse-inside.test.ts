import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import { endpoints, NakhodaError, refusalProtocol, type EndpointId } from '@nakhoda/schema';
import { WebSocket } from 'ws';

import { localGate } from '../auth/gates.ts';
import { buildServer } from './build-server.ts';

test('a viewer in a page is told inside why it is refused; any other by status and body', async () => {
  const refuse = () => Promise.reject(new NakhodaError('hypervisor.timeout', { message: 'QEMU does not answer.', hint: 'Try again.' }));
  const handlers = Object.fromEntries(Object.keys(endpoints).map((id) => [id, refuse])) as Record<EndpointId, never>;
  const server = await buildServer({ handlers, gate: localGate });
  try {
    await server.listen({ host: '127.0.0.1', port: 0 });
    const { port } = server.server.address() as AddressInfo;
    const address = `ws://127.0.0.1:${port}/api/v1/vms/100/vnc`;

    const page = new WebSocket(address, [refusalProtocol]);
    const told = once(page, 'message');
    const closed = once(page, 'close');
    const [frame, isBinary] = (await told) as [Buffer, boolean];
    const { requestId, ...body } = JSON.parse(frame.toString()) as Record<string, string>;
    assert.deepEqual(body, { code: 'hypervisor.timeout', message: 'QEMU does not answer.', hint: 'Try again.' });
    assert.ok(requestId !== undefined && !isBinary);
    const [code, reason] = (await closed) as [number, Buffer];
    assert.deepEqual([code, reason.toString()], [4000, 'hypervisor.timeout']);

    const other = new WebSocket(address);
    const [error] = (await once(other, 'error')) as [Error];
    assert.match(error.message, /504/u);
  } finally {
    await server.close();
  }
});

import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';

import { runJob } from './job.ts';
import { QmpClient } from './qmp-client.ts';

// Recorded from QEMU 7.2.22 (`-qmp unix:…`).
const greeting =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian 1:7.2+dfsg-7+deb12u18+b3"}, "capabilities": ["oob"]}}';
const stopEvent = '{"timestamp": {"seconds": 1795444540, "microseconds": 481432}, "event": "STOP"}';
const refusal = (id: number): string => `{"id": ${id}, "error": {"class": "GenericError", "desc": "Snapshot 'x' does not exist"}}`;

interface Request {
  execute: string;
  arguments: Record<string, unknown>;
  id: number;
}

/** QEMU's end of a connection: `answer` gives the lines that follow each command. */
function fakeQemu(answer: (request: Request) => string[], options: { greet?: boolean } = {}) {
  const requests: string[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().split('\n').filter(Boolean)) {
        const request = JSON.parse(line) as Request;
        requests.push(request.execute);
        const lines = request.execute === 'qmp_capabilities' ? [`{"return": {}, "id": ${request.id}}`] : answer(request);
        for (const reply of lines) stream.push(`${reply}\r\n`);
      }
      done();
    },
  });
  if (options.greet !== false) stream.push(`${greeting}\r\n`);
  return { stream, client: new QmpClient(stream), requests };
}

test('greeting, negotiation, answers by id, events', async () => {
  const { client, requests } = fakeQemu(({ id, execute }) => [stopEvent, `{"return": {"status": "${execute}"}, "id": ${id}}`]);
  const events: string[] = [];
  client.onEvent(({ event }) => events.push(event));
  await client.negotiate(1_000);
  assert.deepEqual(await client.execute('query-status', {}), { status: 'query-status' });
  assert.deepEqual(requests, ['qmp_capabilities', 'query-status']);
  assert.deepEqual(events, ['STOP']);
  client.close();
});

test('answers may come in another order', async () => {
  const waiting: number[] = [];
  const { client } = fakeQemu(({ id }) => {
    waiting.push(id);
    return waiting.length < 2 ? [] : waiting.toReversed().map((each) => `{"return": {"status": ${each}}, "id": ${each}}`);
  });
  const answers = await Promise.all([client.execute('query-status', {}), client.execute('query-status', {})]);
  assert.deepEqual(answers, [{ status: 1 }, { status: 2 }]);
  client.close();
});

test("a refusal has QEMU's words", async () => {
  const { client } = fakeQemu(({ id }) => [refusal(id)]);
  await assert.rejects(client.execute('cont', {}), { code: 'hypervisor.failed', message: /cont: Snapshot 'x' does not exist/ });
  client.close();
});

test('a command over its time is given up, and its late answer thrown away', async () => {
  let silent = true;
  const { client, stream } = fakeQemu(({ id }) => (silent ? [] : [`{"return": {"status": "running"}, "id": ${id}}`]));
  await assert.rejects(client.execute('query-status', {}, { timeoutMs: 10 }), { code: 'hypervisor.timeout' });
  silent = false;
  stream.push('{"return": {"status": "late"}, "id": 1}\r\n');
  assert.deepEqual(await client.execute('query-status', {}), { status: 'running' });
  client.close();
});

test('the end of the connection ends all that waits', async () => {
  const { client, stream } = fakeQemu(() => []);
  const commands = [client.execute('cont', {}), client.execute('stop', {})];
  stream.destroy();
  for (const command of commands) await assert.rejects(command, { code: 'hypervisor.failed' });
  await client.closed;
  await assert.rejects(client.execute('cont', {}), { code: 'hypervisor.failed' });
});

test('a QEMU that does not greet is given up', async () => {
  const { client } = fakeQemu(() => [], { greet: false });
  await assert.rejects(client.negotiate(10), { code: 'hypervisor.timeout' });
  client.close();
});

test('what is not the protocol, or too much of it, ends the connection', async () => {
  for (const junk of ['HTTP/1.1 400 Bad Request\r\n', Buffer.alloc(17 * 1024 * 1024, 'x')]) {
    const { client, stream } = fakeQemu(() => []);
    stream.push(junk);
    await client.closed;
  }
});

const job = (id: string, status: string, error?: string): string =>
  JSON.stringify({
    id,
    status,
    'type': 'snapshot-save',
    'current-progress': 1,
    'total-progress': 2,
    ...(error === undefined ? {} : { error }),
  });

test('a job is followed to its end and dismissed', async () => {
  let looks = 0;
  const { client, requests } = fakeQemu(({ execute, id }) => {
    if (execute !== 'query-jobs') return [`{"return": {}, "id": ${id}}`];
    looks += 1;
    const status = looks < 2 ? 'running' : 'concluded';
    const event = '{"event": "JOB_STATUS_CHANGE", "data": {"status": "concluded", "id": "j"}}';
    return [`{"return": [${job('j', status)}], "id": ${id}}`, ...(looks < 2 ? [event] : [])];
  });
  const progress: number[] = [];
  await runJob(client, 'j', () => client.execute('cont', {}), { timeoutMs: 5_000, progress: (share) => progress.push(share) });
  assert.deepEqual(requests, ['cont', 'query-jobs', 'query-jobs', 'job-dismiss']);
  assert.deepEqual(progress, [0.5]);
  client.close();
});

test("a job's failure has QEMU's words, and is dismissed too", async () => {
  const { client, requests } = fakeQemu(({ execute, id }) =>
    execute === 'query-jobs' ? [`{"return": [${job('j', 'concluded', 'No space left')}], "id": ${id}}`] : [`{"return": {}, "id": ${id}}`],
  );
  await assert.rejects(
    runJob(client, 'j', () => client.execute('cont', {}), { timeoutMs: 5_000 }),
    { message: /No space left/ },
  );
  assert.ok(requests.includes('job-dismiss'));
  client.close();
});

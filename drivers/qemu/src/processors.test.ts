import assert from 'node:assert/strict';
import { test } from 'node:test';

import { planProcessors } from './processors.ts';

const props = (core: number) => ({ 'socket-id': 0, 'die-id': 0, 'core-id': core, 'thread-id': 0 });
// `query-hotpluggable-cpus` of QEMU 7.2.22 started with `-smp cpus=2,cores=4,maxcpus=4`, after one was added.
const places = [
  { type: 'qemu64-x86_64-cpu', props: props(3) },
  { 'type': 'qemu64-x86_64-cpu', 'props': props(2), 'qom-path': '/machine/peripheral/cpu2' },
  { 'type': 'qemu64-x86_64-cpu', 'props': props(1), 'qom-path': '/machine/unattached/device[2]' },
  { 'type': 'qemu64-x86_64-cpu', 'props': props(0), 'qom-path': '/machine/unattached/device[0]' },
];

test('processors come in the order of their places', () => {
  assert.deepEqual(planProcessors(places, 4), {
    add: [{ id: 'cpu3', type: 'qemu64-x86_64-cpu', props: props(3) }],
    remove: [],
    impossible: 0,
  });
  assert.equal(planProcessors(places, 6).impossible, 2);
});

test('those that came go, the last first; those of the start stay', () => {
  assert.deepEqual(planProcessors(places, 2), { add: [], remove: ['cpu2'], impossible: 0 });
  assert.deepEqual(planProcessors(places, 1), { add: [], remove: ['cpu2'], impossible: 1 });
  assert.deepEqual(planProcessors(places, 3), { add: [], remove: [], impossible: 0 });
});

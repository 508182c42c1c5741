import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { exampleVm } from '../testing/example-vm.ts';
import { matchesVmQuery, parseVmQuery, suggestVmQueries } from './vm-query.ts';

const nic = (network: string) => ({ slot: 'net0', network, mac: '02:4e:4b:00:00:01', model: 'virtio' as const, linkUp: true });
const vms = [
  exampleVm({
    vmid: 100,
    name: 'web',
    state: 'running',
    cores: 4,
    memoryMiB: 2048,
    tags: ['prod'],
    nics: [nic('lab')],
    addresses: ['10.77.0.5'],
  }),
  exampleVm({ vmid: 101, name: 'old-web', hypervisor: 'virtualbox', tags: ['lab', 'old'], folder: 'Course/week 3', protection: true }),
  exampleVm({
    vmid: 102,
    name: 'db',
    hypervisor: 'virtualbox',
    state: 'paused',
    sockets: 2,
    folder: 'Course',
    suspended: false,
    template: true,
  }),
  exampleVm({ vmid: 103, name: 'sleeper', suspended: true, folder: 'Courses' }),
];
const found = (query: string) => vms.filter((vm) => matchesVmQuery(vm, parseVmQuery(query))).map(({ vmid }) => vmid);

test('a query finds what it says', () => {
  const table: readonly (readonly [string, readonly number[]])[] = [
    ['', [100, 101, 102, 103]],
    ['hv:vbox', [101, 102]],
    ['hv:kvm state:running', [100]],
    ['web', [100, 101]],
    ['WEB -tag:old', [100]],
    ['10.77', [100]],
    ['103', [103]],
    ['folder:course', [101, 102]],
    ['folder:"course/week 3"', [101]],
    ['cores>=2', [100, 102]],
    ['cores:4', [100]],
    ['mem>1024', [100]],
    ['mem<1024 hv:qemu', [103]],
    ['net:lab', [100]],
    ['is:template', [102]],
    ['is:protected', [101]],
    ['state:suspended', [103]],
    ['-hv:qemu -is:template', [101]],
    // What is still being typed asks for nothing yet.
    ['state:', [100, 101, 102, 103]],
  ];
  for (const [query, expected] of table) assert.deepEqual(found(query), expected, query);
});

test('what is not understood is named, and left out', () => {
  assert.deepEqual(parseVmQuery('colour:red mem>lots is:green state>running web').mistakes, [
    'colour:red',
    'mem>lots',
    'is:green',
    'state>running',
  ]);
  assert.deepEqual(found('colour:red web'), [100, 101]);
});

test('suggestions go on with the last word, and only with what there is', () => {
  assert.deepEqual(suggestVmQueries('hv:', vms), ['hv:qemu', 'hv:virtualbox']);
  assert.deepEqual(suggestVmQueries('web state:p', vms), ['web state:paused']);
  assert.deepEqual(suggestVmQueries('-tag:l', vms), ['-tag:lab']);
  assert.deepEqual(suggestVmQueries('folder:', vms), ['folder:"Course/week 3"', 'folder:Course', 'folder:Courses']);
  assert.deepEqual(suggestVmQueries('web', vms), []);
});

test('no text breaks the query language, and a term and its opposite part the VMs in two', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      const { terms } = parseVmQuery(text);
      suggestVmQueries(text, vms);
      for (const term of terms) {
        const opposite = { ...term, negated: !term.negated };
        for (const vm of vms) {
          assert.notEqual(matchesVmQuery(vm, { terms: [term], mistakes: [] }), matchesVmQuery(vm, { terms: [opposite], mistakes: [] }));
        }
      }
    }),
  );
});

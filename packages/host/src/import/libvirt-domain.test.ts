import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { parseLibvirtDomain } from './libvirt-domain.ts';

test('a domain as libvirt 9 prints it', async () => {
  const xml = await readFile(new URL('./fixtures/libvirt-9.0.0-domain.xml', import.meta.url), 'utf8');
  const machine = parseLibvirtDomain(xml);
  assert.deepEqual(machine, {
    name: 'web-server-1',
    cores: 2,
    sockets: 2,
    memoryMiB: 2048,
    machine: 'q35',
    firmware: 'bios',
    disks: [
      { path: '/tmp/img/a.qcow2', format: 'qcow2', bus: 'virtio' },
      { path: '/tmp/img/r.raw', format: 'raw', bus: 'sata' },
    ],
    nics: [
      { mac: '52:54:00:aa:bb:cc', model: 'e1000e' },
      { mac: machine.nics[1]?.mac, model: 'virtio' },
    ],
    notes: 'The web server',
    left: machine.left,
  });
  assert.match(machine.nics[1]?.mac ?? '', /^52:54:00(:[0-9a-f]{2}){3}$/);
  assert.ok(machine.left.includes('Its CD drive stays empty.'), machine.left.join(' '));
});

const domain = (inner: string, type = 'kvm'): string =>
  `<domain type='${type}'><name>a</name><memory unit='KiB'>1024</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>${inner}</domain>`;

test('units of memory, firmware, chipset, names that are none, disks that are no file', () => {
  const memory = (text: string) => parseLibvirtDomain(domain('').replace("<memory unit='KiB'>1024</memory>", text)).memoryMiB;
  assert.equal(memory("<memory unit='GiB'>2</memory>"), 2048);
  assert.equal(memory('<memory>524288</memory>'), 512);
  assert.equal(memory("<memory unit='MB'>512</memory>"), 488);
  assert.equal(parseLibvirtDomain(domain('')).machine, 'i440fx');
  assert.equal(parseLibvirtDomain(domain('').replace('<os>', "<os firmware='efi'>")).firmware, 'uefi');
  assert.equal(parseLibvirtDomain(domain('').replace('<name>a</name>', '<name>1 ü</name>')).name, 'imported');
  const block = parseLibvirtDomain(
    domain("<devices><disk type='block' device='disk'><source dev='/dev/sda'/><target dev='vda' bus='fdc'/></disk><tpm/></devices>"),
  );
  assert.deepEqual(block.disks, []);
  assert.deepEqual(block.left, ['Its tpm is not taken over.', 'Its disk vda is no file, and is not taken over.']);
});

test('what is no domain of a PC is refused with the reason', () => {
  const rows: [string, RegExp][] = [
    ['<domain', /no XML|no <domain>|type none/],
    ['<network><name>x</name></network>', /no <domain>/],
    [domain('', 'lxc'), /type lxc/],
    [domain('').replace('hvm', 'exe'), /whole x86 machine/],
    [domain('').replace('x86_64', 'aarch64'), /whole x86 machine/],
    [domain('').replace("<memory unit='KiB'>1024</memory>", ''), /how much memory/],
    [domain('').replace('1024', '-5'), /how much memory/],
  ];
  for (const [xml, message] of rows) assert.throws(() => parseLibvirtDomain(xml), { code: 'import.unreadable', message }, xml);
});

test('an entity is not expanded', () => {
  const bomb = `<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>${domain('<description>&b;</description>')}`;
  let notes = '';
  try {
    ({ notes } = parseLibvirtDomain(bomb));
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'import.unreadable');
  }
  assert.ok(!notes.includes('aaaaaaaaaa'));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newestMachineType, parseVersion, sameSpec } from './environment.ts';
import { isAtLeast } from './probe.ts';
import type { MachineSpec } from '@nakhoda/driver';

test('versions, as the programs print them', () => {
  // Recorded: `--version` of Debian 12's qemu-system-x86_64 and qemu-img.
  assert.equal(parseVersion('QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022'), '7.2.22');
  assert.equal(parseVersion('qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\n'), '7.2.22');
  assert.equal(parseVersion('nonsense'), null);
});

test('the oldest version', () => {
  for (const [version, expected] of [
    ['7.2.0', true],
    ['10.0.2', true],
    ['8.0', true],
    ['7.1.9', false],
    ['6.2.0', false],
  ] as const)
    assert.equal(isAtLeast(version, '7.2'), expected, version);
});

test('the newest upstream machine type is taken, and never a distribution’s own', () => {
  // Recorded: `-machine help` of QEMU 7.2.22, shortened; the line of Ubuntu's type added.
  const help = `Supported machines are:
microvm              microvm (i386)
pc                   Standard PC (i440FX + PIIX, 1996) (alias of pc-i440fx-7.2)
q35                  Standard PC (Q35 + ICH9, 2009) (alias of pc-q35-7.2)
pc-q35-noble         Ubuntu 24.04 PC (Q35 + ICH9, 2009)
pc-q35-7.1           Standard PC (Q35 + ICH9, 2009)
pc-q35-7.2           Standard PC (Q35 + ICH9, 2009)
pc-i440fx-7.2        Standard PC (i440FX + PIIX, 1996) (default)
pc-i440fx-7.1        Standard PC (i440FX + PIIX, 1996)
pc-q35-2.12          Standard PC (Q35 + ICH9, 2009)
pc-q35-4.0.1         Standard PC (Q35 + ICH9, 2009)
`;
  assert.equal(newestMachineType(help, 'q35'), 'pc-q35-7.2');
  assert.equal(newestMachineType(help.replace('7.1 ', '10.0'), 'q35'), 'pc-q35-10.0');
  assert.equal(newestMachineType(help, 'i440fx'), 'pc-i440fx-7.2');
  assert.equal(newestMachineType('none', 'q35'), null);
});

test('specs are compared by their content', () => {
  const spec = { vmid: 1, nics: [{ slot: 'net0', attachment: { kind: 'tap', tap: 'a' } }] } as unknown as MachineSpec;
  const other = { nics: [{ attachment: { tap: 'a', kind: 'tap' }, slot: 'net0' }], vmid: 1 } as unknown as MachineSpec;
  assert.ok(sameSpec(spec, other));
  assert.ok(!sameSpec(spec, { ...other, vmid: 2 }));
});

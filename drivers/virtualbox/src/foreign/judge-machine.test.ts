import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { judgeMachine, type MachineFiles } from './judge-machine.ts';
import { machineDetails } from './machine-details.ts';

const xml = await readFile(new URL('fixtures/virtualbox-7.2.22-foreign.vbox', import.meta.url), 'utf8');
const disk = '/home/ann/web/web.vdi';
const image = { sizeBytes: 8 * 1024 ** 2, canGrow: true, extents: [] };
const files: MachineFiles = {
  ...{ folder: '/home/ann/web', images: new Map([[disk, image]]), usedBy: new Map(), memory: [], store: null, version: '7.2.22' },
};
const judge = (change: (text: string) => string = (text) => text, facts: Partial<MachineFiles> = {}): ReturnType<typeof judgeMachine> => {
  const details = machineDetails(change(xml));
  assert.ok(details !== null && details !== 'encrypted');
  return judgeMachine(details, { ...files, ...facts });
};

test('what a record can say of it', () => {
  const { found, reasons } = judge();
  assert.deepEqual(reasons, []);
  assert.ok(found);
  assert.deepEqual(found.hardware.bootOrder, ['cdrom', 'disk0']);
  assert.deepEqual([found.cores, found.memoryMiB, found.hardware.machine, found.hardware.display], [1, 64, 'i440fx', 'std']);
  assert.deepEqual(
    found.disks.map(({ slot, bus, cache, path }) => [slot, bus, cache, path]),
    [['disk0', 'sata', 'none', '/home/ann/web/web.vdi']],
  );
  assert.deepEqual(
    found.nics.map(({ slot, model }) => [slot, model]),
    [
      ['net0', 'e1000'],
      ['net1', 'e1000'],
    ],
  );
  assert.deepEqual(
    found.adopted.found.drives.map(({ slot, controller, port }) => [slot, controller, port]),
    [
      ['disk0', 'SATA', 0],
      ['cdrom', 'SATA', 1],
    ],
  );
  assert.deepEqual(found.adopted.found.folders, ['/home/ann/web']);
});

test('what cannot be had is refused with its reason', () => {
  const rows: [RegExp, (text: string) => string][] = [
    [/chipset is ARMv8Virtual/u, (text) => text.replaceAll('<Firmware/>', '<Firmware/><Chipset type="ARMv8Virtual"/>')],
    [/firmware is EFI128/u, (text) => text.replaceAll('<Firmware/>', '<Firmware type="EFI128"/>')],
    [/a TPM of the type v1_2/u, (text) => text.replace('<Firmware/>', '<Firmware/><TrustedPlatformModule type="v1_2"/>')],
    [
      /a TPM of the type Host/u,
      (text) => text.replaceAll('<Firmware/>', '<Firmware/><TrustedPlatformModule type="Host" location="/dev/tpm0"/>'),
    ],
    [/is a QCOW image; only VDI, VMDK, VHD images/u, (text) => text.replaceAll('format="VDI"', 'format="QCOW"')],
    [/is in no drive of it, nor of its snapshots/u, (text) => text.replaceAll(/<Image uuid="\{30e74850[^>]*>/gu, '')],
    [/is of the type Immutable/u, (text) => text.replaceAll('type="Normal"', 'type="Immutable"')],
    [/is encrypted/u, (text) => text.replace('type="Normal">', 'type="Normal"><Property name="CRYPT/KeyId" value="x"/>')],
    [/not in the machine's own list of media/u, (text) => text.replaceAll(/<MediaRegistry>[^]*<\/MediaRegistry>/gu, '')],
    [/controller of the type LsiLogic/u, (text) => text.replaceAll('type="AHCI"', 'type="LsiLogic"')],
    [/is one of the host/u, (text) => text.replaceAll(/(type="DVD"[^>]*)\/>/gu, '$1><HostDrive src="/dev/sr0"/></AttachedDevice>')],
    [/MAC address 08:00:27:ce:ba:d3 is on two/u, (text) => text.replaceAll('0800279E26EC', '080027CEBAD3')],
    [/newer format/u, (text) => text.replaceAll('<Hardware>', '<Hardware><Platform/>')],
  ];
  for (const [words, change] of rows) {
    const { found, reasons } = judge(change);
    assert.equal(found, null, String(words));
    assert.ok(
      reasons.some((reason) => words.test(reason)),
      `${words}: ${reasons.join(' ')}`,
    );
  }
  assert.match(
    judge(undefined, { usedBy: new Map([['/home/ann/web/web.vdi', 'other']]) }).reasons.join(),
    /web\.vdi is a disk of other, too/u,
  );
  assert.match(judge(undefined, { images: new Map([[disk, null]]) }).reasons.join(), /is no VDI image/u);
  assert.equal(machineDetails('<VirtualBox><MachineEncrypted uuid="{1}"/></VirtualBox>'), 'encrypted');
});

test('a NIC of a kind that we have not stays, without a cable', () => {
  const { found } = judge((text) => text.replaceAll('type="82540EM"', 'type="82543GC"'));
  assert.deepEqual(found?.nics, []);
  assert.equal(found?.adopted.found.nics.length, 2);
  assert.match(found?.left.join(' ') ?? '', /82543GC/u);
});

test('a disk keeps its format, and says up to where it can grow', () => {
  const { found } = judge((text) => text.replaceAll('format="VDI"', 'format="VMDK"'), {
    images: new Map([[disk, { ...image, canGrow: false }]]),
  });
  assert.equal(found?.disks[0]?.format, 'vmdk');
  assert.equal(found?.adopted.found.drives[0]?.mostBytes, image.sizeBytes);
  assert.equal(judge().found?.adopted.found.drives[0]?.mostBytes, undefined);
});

test('UEFI, secure boot and TPM 2.0 are had as the machine has them', () => {
  const board = (type: string): ((text: string) => string) => {
    return (text) => text.replaceAll('<Firmware/>', `<Firmware type="${type}"/><TrustedPlatformModule type="v2_0" location=""/>`);
  };
  const { found } = judge(board('EFI64'), { store: { secureBoot: true } });
  assert.deepEqual([found?.hardware.firmware, found?.hardware.secureBoot, found?.hardware.tpm], ['uefi', true, true]);
  const old = judge(board('EFI32'));
  assert.deepEqual([old.found?.hardware.firmware, old.found?.hardware.secureBoot], ['uefi', false]);
  assert.match(old.found?.left.join(' ') ?? '', /keeps its firmware EFI32/u);
});

test('saved memory is had from the version that wrote it, and the ways out are named otherwise', () => {
  const memory = (writtenBy: string | null, snapshot: string | null = null): Partial<MachineFiles> => ({
    memory: [{ snapshot, path: '/home/ann/web/Snapshots/x.sav', writtenBy }],
  });
  assert.deepEqual(judge(undefined, memory('7.2.22')).reasons, []);
  assert.match(judge(undefined, memory('6.1.50')).reasons.join(), /saved by VirtualBox 6\.1\.50.*shut it down, or throw the memory away/u);
  assert.match(judge(undefined, memory(null)).reasons.join(), /no saved state of VirtualBox.*discardstate/u);
  const { found } = judge(undefined, memory('6.1.50', 'warm'));
  assert.match(found?.left.join(' ') ?? '', /memory of its snapshot "warm" was written by VirtualBox 6\.1\.50/u);
});

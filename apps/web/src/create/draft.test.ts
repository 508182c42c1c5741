import assert from 'node:assert/strict';
import { test } from 'node:test';

import { exampleHypervisor } from '../testing/example-hypervisor.ts';
import { draftProblems } from './draft-problems.ts';
import { bodyOf, draftFromText, draftToText, emptyDraft, type Draft } from './draft.ts';

const qemu = exampleHypervisor();
const draft = (over: Partial<Draft>): Draft => ({ ...emptyDraft, name: 'web', hypervisor: 'qemu', ...over });

test('a plain draft asks for little, and what is as usual is not said', () => {
  assert.deepEqual(bodyOf(draft({}), qemu), {
    name: 'web',
    hypervisor: 'qemu',
    cores: 1,
    memoryMiB: 512,
    diskGiB: 4,
    cdrom: 'tiny',
    start: true,
  });
});

test('what the hypervisor does not offer is left out, and comes back with one that does', () => {
  const wanted = draft({ firmware: 'uefi', diskBus: 'nvme', secureBoot: true, tpm: true, diskIopsLimit: 100, diskSsd: true, sockets: 2 });
  const { firmware, diskBus, secureBoot, diskIopsLimit, tpm, diskSsd, sockets } = bodyOf(wanted, qemu);
  assert.deepEqual([firmware, diskBus, secureBoot, diskIopsLimit], [undefined, undefined, undefined, undefined]);
  assert.deepEqual([tpm, diskSsd, sockets], [true, true, 2]);
  const rich = exampleHypervisor(
    {},
    {},
    { firmwares: ['bios', 'uefi'], diskBuses: ['virtio', 'nvme'], fields: ['secureBoot', 'iopsLimit'] },
  );
  const body = bodyOf(wanted, rich);
  assert.deepEqual([body['firmware'], body['diskBus'], body['secureBoot'], body['diskIopsLimit']], ['uefi', 'nvme', true, 100]);
  assert.equal(bodyOf(wanted, exampleHypervisor({}, { maxCores: 1 }, { maxSockets: 1 }))['sockets'], undefined);
});

test('discard is on by default, so only off is said', () => {
  assert.equal('diskDiscard' in bodyOf(draft({}), qemu), false);
  assert.equal(bodyOf(draft({ diskDiscard: false }), qemu)['diskDiscard'], false);
});

test('network, MAC address and booting from it go together', () => {
  assert.deepEqual(Object.keys(bodyOf(draft({ mac: '02:00:00:00:00:01', nicModel: 'e1000' }), qemu)).includes('mac'), false);
  const { network, mac, nicModel, bootOrder, cdrom } = bodyOf(
    draft({ media: 'network', network: 'lab', mac: '02:00:00:00:00:01', nicModel: 'e1000' }),
    qemu,
  );
  assert.deepEqual([network, mac, nicModel, bootOrder, cdrom], ['lab', '02:00:00:00:00:01', 'e1000', ['disk0', 'net0'], undefined]);
});

test('lists are parted by commas and lines, not by spaces', () => {
  const { tags, ciSshKeys, ciNetwork } = bodyOf(
    draft({
      tags: ' a, b ,',
      ciDrive: true,
      network: 'lab',
      ciSshKeys: 'ssh-ed25519 AAAA me\nssh-rsa BBBB',
      ciNetwork: 'net0=10.0.0.5/24 via 10.0.0.1',
    }),
    qemu,
  );
  assert.deepEqual(tags, ['a', 'b']);
  assert.deepEqual(ciSshKeys, ['ssh-ed25519 AAAA me', 'ssh-rsa BBBB']);
  assert.deepEqual(ciNetwork, ['net0=10.0.0.5/24 via 10.0.0.1']);
  assert.equal('ciUser' in bodyOf(draft({ ciUser: 'me' }), qemu), false);
});

test('a kept draft is the same without its secrets', () => {
  const typed = draft({ ciPassword: 'secret', ciUserData: '#cloud-config', notes: 'two\nlines', memoryMiB: null, media: 'volume' });
  const text = draftToText(typed);
  assert.equal(/secret|cloud-config/u.test(text), false);
  assert.deepEqual(draftFromText(text), { ...typed, ciPassword: '', ciUserData: '' });
});

test('what is no draft, or of another version, does no harm', () => {
  for (const text of [null, '', 'null', '[]', '"x"', '{', '{"name":1,"cores":"2","media":"floppy","gone":true,"tpm":"yes"}'])
    assert.deepEqual(draftFromText(text), emptyDraft);
  assert.equal(draftFromText('{"name":"web","cores":2}').cores, 2);
});

test('problems are found where they are', () => {
  const kinds = (over: Partial<Draft>, hypervisor = qemu) =>
    Object.fromEntries(Object.entries(draftProblems(draft(over), hypervisor)).map(([field, { kind }]) => [field, kind]));
  assert.deepEqual(kinds({}), {});
  assert.deepEqual(kinds({ cores: null, memoryMiB: null, diskGiB: null }), { cores: 'needed', memoryMiB: 'needed', diskGiB: 'needed' });
  assert.deepEqual(kinds({ cores: 3, sockets: 3 }), { cores: 'cores' });
  assert.deepEqual(kinds({ cores: 3, sockets: 3 }, exampleHypervisor({}, {}, { maxSockets: 1 })), {});
  assert.deepEqual(kinds({ memoryMiB: 8 }), { memoryMiB: 'memory' });
  assert.deepEqual(kinds({ media: 'volume' }), { volume: 'needed' });
  assert.deepEqual(kinds({ media: 'network' }), { network: 'network-for-boot' });
  assert.deepEqual(kinds({ balloonMiB: 1024 }), { balloonMiB: 'balloon' });
  assert.deepEqual(kinds({ secureBoot: true }), {});
  assert.deepEqual(kinds({ secureBoot: true }, exampleHypervisor({}, {}, { fields: ['secureBoot'] })), { secureBoot: 'secure-boot' });
  assert.deepEqual(kinds({}, exampleHypervisor({ usable: false, reasons: ['No.'] })), { hypervisor: 'unusable' });
});

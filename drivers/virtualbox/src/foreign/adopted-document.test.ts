import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { adoptDocument } from './adopted-document.ts';
import { machineDetails } from './machine-details.ts';
import { parseOrdered, writeOrdered } from './ordered-xml.ts';
import { releaseDocument } from './released-document.ts';

const xml = await readFile(new URL('fixtures/virtualbox-7.2.22-foreign.vbox', import.meta.url), 'utf8');
const folder = '/home/ann/VirtualBox VMs/web';
const adopt = (text: string): ReturnType<typeof adoptDocument> =>
  adoptDocument(text, { name: 'nakhoda-100', file: `${folder}/web.vbox`, sockets: { serial: '/run/s', agent: '/run/a' } });

/** The elements, in no order and without blanks. */
const parts = (text: string): string[] =>
  text
    .replaceAll(/\s+/gu, ' ')
    .replaceAll(/> </gu, '><')
    .split(/(?=<)/u)
    .map((part) => part.trim())
    .toSorted();

test('what is not changed is written as it was read', () => {
  assert.deepEqual(parts(writeOrdered(parseOrdered(xml))), parts(xml));
});

test("a person's machine becomes one of ours: absolute paths, no cable, our ports, nothing that reaches into the host", () => {
  const { xml: ours, gone, renamed } = adopt(xml);
  const details = machineDetails(ours);
  assert.ok(details !== null && details !== 'encrypted');
  assert.equal(details.name, 'nakhoda-100');
  assert.equal(details.snapshotFolder, `${folder}/Snapshots`);
  assert.ok(details.media.every(({ location }) => location.startsWith(folder)));
  assert.deepEqual(
    details.nics.map(({ attachment }) => attachment),
    ['nothing', 'nothing'],
  );
  assert.doesNotMatch(ours, /SharedFolder |NAT|InternalNetwork|serial\.txt/u);
  // In the machine and in each of its three snapshots.
  assert.equal(ours.match(/path="\/run\/s"/gu)?.length, 4);
  assert.deepEqual(gone, ['SharedFolders']);
  assert.deepEqual(
    renamed.map(({ name, safeName }) => [name, safeName]),
    [
      ['before the update', 'before-the-update'],
      ['other: branch', 'other-branch'],
    ],
  );
});

test('given back unchanged, it is what it was', () => {
  const { xml: ours, renamed } = adopt(xml);
  const back = releaseDocument(ours, xml, { folder, renamed });
  assert.deepEqual(parts(back.xml), parts(xml));
  assert.deepEqual(back.foreignDisks, []);
});

test("stores of variables: a snapshot's stays where it is, the machine's own is the one beside its file, and all go back", () => {
  const store = (path: string): string => `<BIOS><NVRAM path="${path}"/>`;
  const present = xml.lastIndexOf('<BIOS>');
  const text =
    xml.slice(0, present).replace('<BIOS>', store('Snapshots/1.nvram')) + xml.slice(present).replace('<BIOS>', store('web-1.nvram'));
  const { xml: ours, renamed } = adopt(text);
  assert.deepEqual(ours.match(/<NVRAM[^>]*>/gu), [`<NVRAM path="${folder}/Snapshots/1.nvram"/>`]);
  assert.deepEqual(parts(releaseDocument(ours, text, { folder, renamed }).xml), parts(text));
});

test('the machine of saved memory gets no port, and its memory is named by its whole path', () => {
  const { xml: ours } = adopt(xml.replace('<Machine ', '<Machine stateFile="Snapshots/x.sav" '));
  assert.match(ours, new RegExp(`stateFile="${folder}/Snapshots/x.sav"`, 'u'));
  const machine = ours.slice(ours.lastIndexOf('</Snapshot>'));
  assert.equal(machine.match(/path="\/run\/a"/gu), null);
});

test('what became of it comes along: memory, another name of a snapshot; disks and CDs of ours do not', () => {
  const { xml: ours, renamed } = adopt(xml);
  const changed = ours
    .replaceAll('RAMSize="64"', 'RAMSize="96"')
    .replace('name="other-branch"', 'name="mine"')
    .replace(
      '</HardDisks>',
      '<HardDisk uuid="{1}" location="/var/lib/nakhoda/images/100/disk-1.vdi" format="VDI"/></HardDisks><DVDImages><Image uuid="{2}" location="/var/lib/nakhoda/iso/a.iso"/></DVDImages>',
    )
    .replaceAll(/(<AttachedDevice passthrough="false" type="DVD"[^>]*)\/>/gu, '$1><Image uuid="{2}"/></AttachedDevice>');
  const { xml: back, foreignDisks } = releaseDocument(changed, xml, { folder, renamed });
  assert.deepEqual(foreignDisks, ['/var/lib/nakhoda/images/100/disk-1.vdi']);
  assert.doesNotMatch(back, /a\.iso|\{2\}/u);
  assert.match(back, /RAMSize="96"/u);
  assert.match(back, /name="mine"/u);
  assert.match(back, /name="before the update"/u);
});

test('everything by which a machine can reach into the host is taken out, in snapshots too', () => {
  const bad = [
    '<RemoteDisplay enabled="true"/>',
    '<LPT><Port slot="0" path="/dev/lp0"/></LPT>',
    '<Recording enabled="true"><Screen file="/etc/x"/></Recording>',
    '<EmulatedUSB/>',
    '<GuestDebug provider="GDB" io="TCP"/>',
    '<UnknownToUs path="/etc/shadow"/>',
  ];
  const sick = xml
    .replaceAll('<Clipboard/>', bad.join(''))
    .replaceAll('<SmbiosUuidLittleEndian', '<Logo imagePath="/etc/shadow"/><SmbiosUuidLittleEndian')
    .replaceAll('<Adapter ', '<Adapter trace="true" tracefile="/etc/cron.d/x" ')
    .replace(
      '</Machine>',
      '<Teleporter enabled="true"/><Debugging/><ExtraData><ExtraDataItem name="VBoxInternal2/x" value="/etc"/></ExtraData></Machine>',
    );
  assert.ok(sick.length > xml.length + 1000);
  assert.doesNotMatch(adopt(sick).xml, /\/etc|\/dev|RemoteDisplay|Recording|GuestDebug|Teleporter|VBoxInternal/u);
});

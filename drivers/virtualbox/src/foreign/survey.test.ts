import assert from 'node:assert/strict';
import { link, mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { ForeignVm } from '@nakhoda/schema';

import { writeVdi } from '../vdi-image.ts';
import { surveyMachines } from './survey.ts';

/** Everything here is files of the user who runs the test; nothing is VirtualBox's but their format. */
const xml = await readFile(new URL('fixtures/virtualbox-7.2.22-foreign.vbox', import.meta.url), 'utf8');
const self = { uid: process.getuid?.() ?? 0 };
let home: string;
let count = 0;

before(async () => {
  home = await mkdtemp(join(tmpdir(), 'nks-'));
});
after(() => rm(home, { recursive: true }));

/** A user's settings with one VM in a folder of its own, spoiled by `spoil`. */
async function survey(
  spoil: (paths: { settings: string; folder: string; file: string; registry: string }) => Promise<void>,
): Promise<ForeignVm[]> {
  const settings = join(home, String((count += 1)));
  const folder = join(settings, 'web');
  const file = join(folder, 'web.vbox');
  await mkdir(join(folder, 'Snapshots'), { recursive: true });
  await writeFile(file, xml);
  const uuid = /Machine uuid="(\{[^}]+\})"/u.exec(xml)?.[1] ?? '';
  for (const [, location = ''] of xml.matchAll(/location="([^"]+)"/gu))
    await writeVdi(join(folder, location), { sizeBytes: 8 * 1024 ** 2 });
  const registry = join(settings, 'VirtualBox.xml');
  await writeFile(
    registry,
    `<VirtualBox><Global><MachineRegistry><MachineEntry uuid="${uuid}" src="${file}"/></MachineRegistry></Global></VirtualBox>`,
  );
  await spoil({ settings, folder, file, registry });
  const owner = { user: 'ann', uid: self.uid, gid: 0, home, settings };
  return (await surveyMachines({ owner, self, ours: new Map(), isolated: true, version: '7.2.22' })).map((machine) => machine.survey.vm);
}

test('a VM as it should be can be had', async () => {
  const [vm] = await survey(async () => undefined);
  assert.deepEqual(vm?.reasons, []);
  assert.equal(vm?.disks[0]?.sizeBytes, 8 * 1024 ** 2);
});

type Spoil = Parameters<typeof survey>[0];

/** The head of a saved state of that version. */
function savedHead(...version: [number, number, number]): Buffer {
  const head = Buffer.alloc(64);
  head.write('\u007fVirtualBox SavedState V2.0\n', 'latin1');
  head.writeUInt16LE(version[0], 32);
  head.writeUInt16LE(version[1], 34);
  head.writeUInt32LE(version[2], 36);
  return head;
}

/** The machine's memory is in a file with that content. */
function savedAs(content: string | Buffer): Spoil {
  return async ({ file, folder }) => {
    await writeFile(join(folder, 'Snapshots', 'x.sav'), content);
    await writeFile(file, xml.replace('<Machine ', '<Machine stateFile="Snapshots/x.sav" '));
  };
}

/** The machine's disk is a VMDK image with that description, and `beside` does what it wants in its folder. */
function describedAs(text: string, beside: (folder: string) => Promise<void> = async () => undefined): Spoil {
  return async ({ file, folder }) => {
    await writeFile(join(folder, 'web.vdi'), text);
    await writeFile(file, xml.replace('format="VDI" type="Normal"', 'format="VMDK" type="Normal"'));
    await beside(folder);
  };
}

/** As VirtualBox 7.2.22 describes a flat image of 8 MiB. */
const flat = (extents: string, createType = 'monolithicFlat'): string =>
  `# Disk DescriptorFile\nversion=1\nCID=dfd8c7ec\nparentCID=ffffffff\ncreateType="${createType}"\n\n# Extent description\n${extents}\n\n# The disk Data Base \n#DDB\n\nddb.virtualHWVersion = "4"\nddb.adapterType="ide"\n`;

test('each fault of a VM is told, and is no fault of the listing', async () => {
  const rows: [RegExp, Parameters<typeof survey>[0]][] = [
    [/cannot be made out/u, ({ file }) => writeFile(file, '<VirtualBox><Machine uuid="{1}"')],
    [/is no settings file/u, ({ file }) => writeFile(file, 'root:x:0:0')],
    [/is no settings file/u, ({ file }) => writeFile(file, '<!DOCTYPE x [<!ENTITY a "aaaa">]><VirtualBox/>')],
    [/is no settings file/u, ({ file }) => writeFile(file, '<VirtualBox/>')],
    [
      /cannot be made out|snapshot|settings/u,
      ({ file }) =>
        writeFile(file, `<VirtualBox><Machine uuid="{1}">${'<Snapshot uuid="{2}"><Snapshots>'.repeat(20_000)}</Machine></VirtualBox>`),
    ],
    [/encrypted/u, ({ file }) => writeFile(file, '<VirtualBox><MachineEncrypted uuid="{1}"/></VirtualBox>')],
    [/is larger than/u, ({ file }) => truncate(file, 17 * 1024 * 1024)],
    [/is not there/u, ({ file }) => rm(file)],
    [
      /is a symbolic link/u,
      async ({ file }) => {
        await rename(file, `${file}.x`);
        await symlink(`${file}.x`, file);
      },
    ],
    [
      /reached by a symbolic link/u,
      async ({ folder, settings }) => {
        await rename(folder, join(settings, 'x'));
        await symlink(join(settings, 'x'), folder);
      },
    ],
    [
      /is no plain absolute path/u,
      ({ registry, settings }) =>
        writeFile(
          registry,
          `<VirtualBox><Global><MachineRegistry><MachineEntry uuid="{1}" src="${settings}/../x"/></MachineRegistry></Global></VirtualBox>`,
        ),
    ],
    [
      /is no regular file/u,
      ({ registry }) =>
        writeFile(
          registry,
          '<VirtualBox><Global><MachineRegistry><MachineEntry uuid="{1}" src="/dev/null"/></MachineRegistry></Global></VirtualBox>',
        ),
    ],
    [/web\.vdi is not there/u, ({ folder }) => rm(join(folder, 'web.vdi'))],
    [/web\.vdi is no VDI image/u, ({ folder }) => writeFile(join(folder, 'web.vdi'), 'x'.repeat(1000))],
    [/web\.vdi has a second name/u, ({ folder, settings }) => link(join(folder, 'web.vdi'), join(settings, 'other.vdi'))],
    [/link is a symbolic link/u, ({ folder }) => symlink('/etc', join(folder, 'link'))],
    [/holds another VM's file/u, ({ folder }) => writeFile(join(folder, 'two.vbox'), '')],
    [/x\.sav is not there/u, ({ file }) => writeFile(file, xml.replace('<Machine ', '<Machine stateFile="Snapshots/x.sav" '))],
    [/x\.sav, which is no saved state/u, savedAs('root:x:0:0')],
    [/saved by VirtualBox 6\.1\.50/u, savedAs(savedHead(6, 1, 50))],
    [/is no VMDK image/u, describedAs('root:x:0:0')],
    [/names a file outside of its own folder/u, describedAs(flat('RW 16384 FLAT "/etc/shadow" 0'))],
    [/names a file outside of its own folder/u, describedAs(flat('RW 16384 FLAT "../web-flat.vmdk" 0'))],
    [/names a file outside of its own folder/u, describedAs(flat('RW 16384 FLAT ".." 0'))],
    [/kind "fullDevice"/u, describedAs(flat('RW 16384 FLAT "sda" 0', 'fullDevice'))],
    [/a line in its description/u, describedAs(flat('RW 16384 VMFS "x.vmdk" 0'))],
    [/web-flat\.vmdk is not there/u, describedAs(flat('RW 16384 FLAT "web-flat.vmdk" 0'))],
    [
      /web-flat\.vmdk is shorter/u,
      describedAs(flat('RW 16384 FLAT "web-flat.vmdk" 0'), (folder) => writeFile(join(folder, 'web-flat.vmdk'), 'x')),
    ],
    [
      /web-flat\.vmdk is a symbolic link/u,
      describedAs(flat('RW 16384 FLAT "web-flat.vmdk" 0'), (folder) => symlink('/etc/shadow', join(folder, 'web-flat.vmdk'))),
    ],
    [
      /web-flat\.vmdk has a second name/u,
      describedAs(flat('RW 0 FLAT "web-flat.vmdk" 0'), async (folder) => {
        await writeFile(join(folder, 'web-flat.vmdk'), '');
        await link(join(folder, 'web-flat.vmdk'), join(folder, 'other'));
      }),
    ],
    [
      /lies outside of the VM's folder/u,
      ({ file }) => writeFile(file, xml.replace('snapshotFolder="Snapshots"', 'snapshotFolder="/srv/all"')),
    ],
    [/lies in a folder of the system/u, ({ file }) => writeFile(file, xml.replace('location="web.vdi"', 'location="/srv/web.vdi"'))],
    [
      /lies in a folder of the system/u,
      ({ file }) =>
        writeFile(
          file,
          xml.replace(
            '</MediaRegistry>',
            '<DVDImages><Image uuid="{1}" location="/usr/share/virtualbox/VBoxGuestAdditions.iso"/></DVDImages></MediaRegistry>',
          ),
        ),
    ],
  ];
  for (const [words, spoil] of rows) {
    const vms = await survey(spoil);
    assert.equal(vms.length, 1, String(words));
    assert.equal(vms[0]?.adoptable, false, String(words));
    assert.match(vms[0]?.reasons.join(' ') ?? '', words);
    assert.doesNotMatch(JSON.stringify(vms), /root:x/u);
  }
});

test('a flat VMDK image in the folder can be had, and its parts elsewhere go with it', async () => {
  const [inside] = await survey(
    describedAs(flat('RW 16384 FLAT "web-flat.vmdk" 0'), async (folder) => {
      await writeFile(join(folder, 'web-flat.vmdk'), '');
      await truncate(join(folder, 'web-flat.vmdk'), 8 * 1024 ** 2);
    }),
  );
  assert.deepEqual([inside?.reasons, inside?.disks[0]?.sizeBytes], [[], 8 * 1024 ** 2]);
});

test("a disk that two VMs have is nobody's to be taken", async () => {
  const vms = await survey(async ({ settings, file, registry }) => {
    const second = join(settings, 'two', 'two.vbox');
    await mkdir(join(settings, 'two'));
    await writeFile(second, xml.replace('name="web"', 'name="two"').replaceAll('location="', `location="${join(settings, 'web')}/`));
    await writeFile(
      registry,
      (await readFile(registry, 'utf8')).replace(
        '</MachineRegistry>',
        `<MachineEntry uuid="{00000000-0000-4000-8000-000000000001}" src="${second}"/></MachineRegistry>`,
      ),
    );
    void file;
  });
  assert.match(vms[0]?.reasons.join() ?? '', /is a disk of two, too/u);
  assert.match(vms[1]?.reasons.join() ?? '', /is a disk of web, too/u);
});

test('a list that cannot be read is told as such', async () => {
  for (const [words, text] of [
    [/no settings file/u, 'root:x:0'],
    [/is larger than/u, ' '.repeat(5 * 1024 * 1024)],
  ] as const)
    await assert.rejects(
      survey(({ registry }) => writeFile(registry, text)),
      { code: 'foreign.not-adoptable', message: words },
    );
  await assert.rejects(
    survey(({ registry }) => rm(registry)),
    { code: 'foreign.not-adoptable' },
  );
});

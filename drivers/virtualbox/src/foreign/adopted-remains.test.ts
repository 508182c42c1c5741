import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseRemains } from './adopted-remains.ts';

const image = (name: string, inner = ''): string =>
  `<HardDisk uuid="{00000000-0000-4000-8000-00000000000${name}}" location="Snapshots/${name}.vdi" format="VDI">${inner}</HardDisk>`;
const xml = `<?xml version="1.0"?>
<VirtualBox version="1.19-linux"><Machine uuid="{00000000-0000-4000-8000-0000000000aa}" name="web" stateFile="Snapshots/now.sav">
<MediaRegistry><HardDisks>${image('1', image('2', image('3')) + image('4'))}</HardDisks></MediaRegistry>
<Snapshot uuid="{00000000-0000-4000-8000-0000000000bb}" name="a" stateFile="/elsewhere/a.sav"><Snapshots>
<Snapshot uuid="{00000000-0000-4000-8000-0000000000cc}" name="b &amp; c" stateFile="Snapshots/b &amp; c.sav"/></Snapshots></Snapshot>
<Hardware/></Machine></VirtualBox>`;

test('all images, those that grow from others first, and the memory of all snapshots', () => {
  assert.deepEqual(parseRemains(xml, '/home/ann/web'), [
    ...['4', '3', '2', '1'].map((name) => `/home/ann/web/Snapshots/${name}.vdi`),
    ...['/home/ann/web/Snapshots/now.sav', '/elsewhere/a.sav', '/home/ann/web/Snapshots/b & c.sav'],
  ]);
  assert.deepEqual(parseRemains('<VirtualBox><Machine/></VirtualBox>', '/x'), []);
});

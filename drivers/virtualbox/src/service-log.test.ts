import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { findServiceComplaint } from './service-log.ts';

// From VBoxSVC.log of 7.2.22_Debianr175245, paths shortened.
const everyRun =
  "00:00:04.079009 DCon01   ERROR [COM]: aRC=VBOX_E_OBJECT_NOT_FOUND (0x80bb0001) aIID={e36a5081-a82a-40bd-9e4e-42a44d6ce50f} aComponent={SessionMachine} aText={No storage device attached to device slot 0 on port 7 of controller 'disks'}, preserve=false aResultDetail=0\n";
const severalLines = `00:00:01.687326 DCon04   ERROR [COM]: aRC=VBOX_E_FILE_ERROR (0x80bb0004) aIID={7d510820-a678-4730-a862-818dcd3fbed0} aComponent={MediumWrap} aText={Could not open the medium '/srv/disk0.vdi'.
00:00:01.687332 DCon04   VD: error VERR_FILE_NOT_FOUND opening image file '/srv/disk0.vdi' (VERR_FILE_NOT_FOUND)}, preserve=true aResultDetail=0
`;
const complaint =
  "00:08:14.262535 DCon50   ERROR [COM]: aRC=NS_ERROR_FAILURE (0x80004005) aIID={7d510820-a678-4730-a862-818dcd3fbed0} aComponent={MediumWrap} aText={UUID {374a4957-4500-47e0-9e65-511eab9f9a0b} of the medium '/srv/disk0.vdi' does not match the value {14ce8978-350e-4db9-b54d-008c1cee2bd1} stored in the media registry ('/srv/VirtualBox.xml')}, preserve=true aResultDetail=0\n";

test('the last complaint about a medium since the start, and nothing that is in every run', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nk-svc-'));
  t.after(() => rm(folder, { recursive: true }));
  assert.equal(await findServiceComplaint(folder, 0), null);
  await writeFile(join(folder, 'VBoxSVC.log'), complaint + everyRun);
  assert.match((await findServiceComplaint(folder, 0)) ?? '', /^UUID \{374a4957.*does not match.*VirtualBox\.xml'\)$/);
  await writeFile(join(folder, 'VBoxSVC.log'), complaint + severalLines + everyRun);
  assert.equal(
    await findServiceComplaint(folder, 0),
    "Could not open the medium '/srv/disk0.vdi'. VD: error VERR_FILE_NOT_FOUND opening image file '/srv/disk0.vdi' (VERR_FILE_NOT_FOUND)",
  );
  await writeFile(join(folder, 'VBoxSVC.log'), complaint + everyRun);
  assert.equal(await findServiceComplaint(folder, complaint.length), null, 'it is older than the start');
  assert.match((await findServiceComplaint(folder, 1_000_000)) ?? '', /^UUID/, 'a shorter log is a new one');
});

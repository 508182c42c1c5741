import assert from 'node:assert/strict';
import { test } from 'node:test';

import { findComplaint, isLockComplaint } from './vboxmanage-output.ts';

// Standard error of VBoxManage 7.2.22_Debianr175245, as it came.
const recorded = {
  /** snapshot UUID delete s1, of a snapshot with two children */
  children: `VBoxManage: error: Snapshot 's1' of the machine 'nakhoda-100' cannot be deleted, because it has 2 child snapshots, which is more than the one snapshot allowed for deletion
VBoxManage: error: Details: code VBOX_E_INVALID_OBJECT_STATE (0x80bb0007), component SessionMachine, interface IMachine, callee nsISupports
VBoxManage: error: Context: "DeleteSnapshot(bstrSnapGuid.raw(), pProgress.asOutParam())" at line 554 of file VBoxManageSnapshot.cpp
`,
  /** createmedium disk --sizebyte 1073741825 */
  unaligned: `0%...VBOX_E_FILE_ERROR
VBoxManage: error: Failed to create medium
VBoxManage: error: Could not create the medium storage unit '/srv/disk1.vdi'.
VBoxManage: error: VD: The given disk size 1073741825 is not aligned on a sector boundary (512 bytes) (VERR_VD_INVALID_SIZE)
VBoxManage: error: Details: code VBOX_E_FILE_ERROR (0x80bb0004), component MediumWrap, interface IMedium
VBoxManage: error: Context: "RTEXITCODE handleCreateMedium(HandlerArg*)" at line 630 of file VBoxManageDisk.cpp
`,
  /** modifyvm, eight at the same time */
  locked: `VBoxManage: error: The machine 'nakhoda-100' is already locked for a session (or being unlocked)
VBoxManage: error: Details: code VBOX_E_INVALID_OBJECT_STATE (0x80bb0007), component MachineWrap, interface IMachine, callee nsISupports
VBoxManage: error: Context: "LockMachine(a->session, LockType_Write)" at line 901 of file VBoxManageModifyVM.cpp
`,
  /** createvm, among four at a time, when the service was just ending (7.2.22; the words as the driver's error kept them) */
  ending: `VBoxManage: error: Failed to create the VirtualBox object!
VBoxManage: error: Code NS_ERROR_FAILURE (0x80004005) - Operation failed (extended info not available)
`,
  pending: `VBoxManage: error: The machine 'nakhoda-100' already has a lock request pending
VBoxManage: error: Details: code VBOX_E_INVALID_OBJECT_STATE (0x80bb0007), component MachineWrap, interface IMachine, callee nsISupports
`,
  /** controlvm UUID poweroff, of a stopped machine */
  notRunning: `VBoxManage: error: Machine '11111111-2222-3333-4444-555555555555' is not currently running.
`,
  progress: '0%...10%...20%...30%...40%...50%...60%...70%...80%...90%...100%\n',
};

test("an error is VirtualBox's own sentences and the result's name", () => {
  assert.deepEqual(findComplaint({ exitCode: 1, stderr: recorded.children }), {
    message:
      "Snapshot 's1' of the machine 'nakhoda-100' cannot be deleted, because it has 2 child snapshots, which is more than the one snapshot allowed for deletion",
    result: 'VBOX_E_INVALID_OBJECT_STATE',
  });
  assert.deepEqual(findComplaint({ exitCode: 1, stderr: recorded.unaligned }), {
    message:
      "Failed to create medium Could not create the medium storage unit '/srv/disk1.vdi'. VD: The given disk size 1073741825 is not aligned on a sector boundary (512 bytes) (VERR_VD_INVALID_SIZE)",
    result: 'VBOX_E_FILE_ERROR',
  });
  assert.equal(findComplaint({ exitCode: 1, stderr: recorded.notRunning })?.result, null);
});

test('an error is one with exit code 0, too', () => {
  assert.notEqual(findComplaint({ exitCode: 0, stderr: recorded.notRunning }), null);
});

test('progress and warnings with exit code 0 are none; a failure without words says so', () => {
  assert.equal(findComplaint({ exitCode: 0, stderr: recorded.progress }), null);
  assert.equal(findComplaint({ exitCode: 0, stderr: 'VBoxManage: warning: something\n' }), null);
  assert.equal(findComplaint({ exitCode: 0, stderr: '' }), null);
  assert.deepEqual(findComplaint({ exitCode: 2, stderr: recorded.progress }), {
    message: 'VBoxManage ended with exit code 2 and said nothing.',
    result: null,
  });
  assert.equal(
    findComplaint({ exitCode: 127, stderr: 'VBoxManage: cannot load libXYZ.so\n' })?.message,
    'VBoxManage: cannot load libXYZ.so',
  );
});

test('"not now" is told from a refusal, though both have the same result', () => {
  const isLock = (stderr: string): boolean => isLockComplaint(findComplaint({ exitCode: 1, stderr }) ?? { message: '', result: null });
  assert.equal(isLock(recorded.locked), true);
  assert.equal(isLock(recorded.ending), true);
  assert.equal(isLock(recorded.pending), true);
  assert.equal(isLockComplaint({ message: 'The object is not ready', result: 'E_ACCESSDENIED' }), true);
  const unregistering = "Cannot unregister the machine 'nakhoda-100' while it is locked";
  assert.equal(isLockComplaint({ message: unregistering, result: 'VBOX_E_INVALID_OBJECT_STATE' }), true);
  assert.equal(isLock(recorded.children), false);
  assert.equal(isLock(recorded.unaligned), false);
  assert.equal(isLockComplaint({ message: 'The access was denied', result: 'E_ACCESSDENIED' }), false);
});

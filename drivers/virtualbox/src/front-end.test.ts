import assert from 'node:assert/strict';
import { test } from 'node:test';

import { extraDataSteps, frontEndCommand, globalSettingSteps } from './front-end.ts';

test('the interpreter runs in VirtualBoxVM on a display, hardware virtualization in VBoxHeadless', () => {
  assert.deepEqual(frontEndCommand('u', 'interpreter'), {
    program: '/usr/lib/virtualbox/VirtualBoxVM',
    args: ['--startvm', 'u', '--driverless', '--execute-all-in-iem'],
    needsDisplay: true,
  });
  assert.deepEqual(frontEndCommand('u', 'hardware'), {
    program: '/usr/lib/virtualbox/VBoxHeadless',
    args: ['--startvm', 'u', '--vrde', 'off'],
    needsDisplay: false,
  });
});

test("the interpreter's settings come and go with the mode, and are set once", () => {
  const present = { 'VBoxInternal/HM/FallbackToIEM': '1', 'VBoxInternal/EM/IemExecutesAll': '1' };
  assert.deepEqual(extraDataSteps('u', 'interpreter', {}), [
    ['setextradata', 'u', 'VBoxInternal/HM/FallbackToIEM', '1'],
    ['setextradata', 'u', 'VBoxInternal/EM/IemExecutesAll', '1'],
  ]);
  assert.deepEqual(extraDataSteps('u', 'interpreter', present), []);
  assert.deepEqual(extraDataSteps('u', 'hardware', present), [
    ['setextradata', 'u', 'VBoxInternal/HM/FallbackToIEM'],
    ['setextradata', 'u', 'VBoxInternal/EM/IemExecutesAll'],
  ]);
  assert.deepEqual(extraDataSteps('u', 'hardware', {}), []);
  assert.deepEqual(globalSettingSteps({}), [['setextradata', 'global', 'GUI/SuppressMessages', 'all']]);
  assert.deepEqual(globalSettingSteps({ 'GUI/SuppressMessages': 'all' }), []);
});

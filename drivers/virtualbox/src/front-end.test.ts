import assert from 'node:assert/strict';
import { test } from 'node:test';

import { extraDataSteps, frontEndCommand, globalSettingSteps, modeExtraData } from './front-end.ts';

test('the interpreter runs in VirtualBoxVM on a display, hardware virtualization in VBoxHeadless', () => {
  assert.deepEqual(frontEndCommand('u', 'interpreter'), {
    program: '/usr/lib/virtualbox/VirtualBoxVM',
    args: ['--startvm', 'u', '--driverless', '--execute-all-in-iem', '--fullscreen'],
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
  assert.deepEqual(extraDataSteps('u', modeExtraData('interpreter'), {}), [
    ['setextradata', 'u', 'VBoxInternal/HM/FallbackToIEM', '1'],
    ['setextradata', 'u', 'VBoxInternal/EM/IemExecutesAll', '1'],
  ]);
  assert.deepEqual(extraDataSteps('u', modeExtraData('interpreter'), present), []);
  assert.deepEqual(extraDataSteps('u', modeExtraData('hardware'), present), [
    ['setextradata', 'u', 'VBoxInternal/HM/FallbackToIEM'],
    ['setextradata', 'u', 'VBoxInternal/EM/IemExecutesAll'],
  ]);
  assert.deepEqual(extraDataSteps('u', modeExtraData('hardware'), {}), []);
  assert.deepEqual(globalSettingSteps({}), [['setextradata', 'global', 'GUI/SuppressMessages', 'all']]);
  assert.deepEqual(globalSettingSteps({ 'GUI/SuppressMessages': 'all' }), []);
});

test("flush keys come and go with the disks; other people's keys stay", () => {
  const key = 'VBoxInternal/Devices/ahci/0/LUN#1/Config/IgnoreFlush';
  assert.deepEqual(extraDataSteps('u', { [key]: '0' }, {}), [['setextradata', 'u', key, '0']]);
  assert.deepEqual(extraDataSteps('u', {}, { [key]: '0', 'Nakhoda/DisksOnly/x': '1', 'VBoxInternal/Devices/x': '1' }), [
    ['setextradata', 'u', key],
  ]);
});

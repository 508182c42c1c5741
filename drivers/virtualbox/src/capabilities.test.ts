import assert from 'node:assert/strict';
import { test } from 'node:test';

import { capabilitiesOf } from './capabilities.ts';
import type { HostFacts } from './host-facts.ts';

const interpreter: HostFacts = {
  version: '7.2.22',
  lacksRoot: false,
  missingProgram: null,
  driverVersion: null,
  driverDevice: false,
  virtualizationFlag: false,
  bridging: false,
  vncPack: true,
};
const hardware: HostFacts = {
  ...interpreter,
  driverVersion: '7.2.22 r175245',
  driverDevice: true,
  virtualizationFlag: true,
  bridging: true,
};

test('cores and network follow from how guests are executed', () => {
  assert.equal(capabilitiesOf(interpreter).maxCores, 1);
  assert.deepEqual(capabilitiesOf(interpreter).nicBackends, ['udp-tunnel', 'none']);
  assert.equal(capabilitiesOf(hardware).maxCores, 64);
  assert.deepEqual(capabilitiesOf(hardware).nicBackends, ['bridged', 'none']);
  assert.deepEqual(capabilitiesOf({ ...hardware, bridging: false }).nicBackends, ['udp-tunnel', 'none']);
});

test('the screen can be looked at where the VNC extension pack is; screenshots and keys need none', () => {
  assert.deepEqual(capabilitiesOf(interpreter).display, {
    vnc: { allowed: true },
    screenshot: { allowed: true },
    keyboard: { allowed: true },
  });
  const { vnc, screenshot } = capabilitiesOf({ ...interpreter, vncPack: false }).display;
  assert.equal(vnc.allowed, false);
  assert.match(vnc.reason ?? '', /VNC extension pack is not installed/u);
  assert.equal(screenshot.allowed, true);
});

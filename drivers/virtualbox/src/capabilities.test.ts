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

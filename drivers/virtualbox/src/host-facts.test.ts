import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judgeHost } from './host-facts.ts';
import type { HostFacts } from './host-facts.ts';

const whole: HostFacts = {
  version: '7.2.22_Debianr175245',
  lacksRoot: false,
  missingProgram: null,
  driverVersion: '7.2.22_Debian r175245 (0x00340001)',
  driverDevice: true,
  virtualizationFlag: true,
  bridging: true,
  vncPack: true,
};
const cases: [string, Partial<HostFacts>, { usable: boolean; mode: string | undefined; reason: RegExp | null }][] = [
  ['driver and processor are there', {}, { usable: true, mode: 'hardware', reason: null }],
  ['nothing is installed', { version: null }, { usable: false, mode: undefined, reason: /not installed/ }],
  ['the run time needs root', { lacksRoot: true }, { usable: false, mode: undefined, reason: /root only/ }],
  ['no driver', { driverVersion: null, driverDevice: false }, { usable: true, mode: 'interpreter', reason: /vboxdrv is not loaded/ }],
  [
    'neither driver nor display',
    { driverVersion: null, missingProgram: '/usr/bin/Xvfb' },
    { usable: false, mode: undefined, reason: /needs \/usr\/bin\/Xvfb/ },
  ],
  [
    'no display, which hardware virtualization needs not',
    { missingProgram: '/usr/bin/Xvfb' },
    { usable: true, mode: 'hardware', reason: null },
  ],
  ['the driver without its device', { driverDevice: false }, { usable: true, mode: 'interpreter', reason: /vboxdrv is not loaded/ }],
  ["another release's driver", { driverVersion: '7.0.20' }, { usable: true, mode: 'interpreter', reason: /7\.0\.20.*7\.2\.22/ }],
  ['no VT-x', { virtualizationFlag: false }, { usable: true, mode: 'interpreter', reason: /neither VT-x nor AMD-V/ }],
  [
    'the release that panics hosts',
    { version: '7.2.10', driverVersion: '7.2.10 r1' },
    { usable: false, mode: undefined, reason: /7\.2\.10/ },
  ],
];
for (const [title, change, expected] of cases) {
  test(title, () => {
    const { usable, execution, reasons, remedy } = judgeHost({ ...whole, ...change });
    assert.equal(usable, expected.usable);
    assert.equal(execution?.mode, expected.mode);
    if (expected.reason) assert.match(reasons.join(' '), expected.reason);
    else assert.deepEqual(reasons, []);
    assert.equal(remedy === undefined, expected.reason === null, 'a limit has a remedy');
  });
}

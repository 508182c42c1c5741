import assert from 'node:assert/strict';
import { test } from 'node:test';

import { servicePid } from './service-process.ts';

test("the service's process is the one that its log names in its head", () => {
  // VirtualBox 7.2.22_Debian, VBoxSVC.log.
  const head = `00:00:00.000531 main     VirtualBox XPCOM Server 7.2.22_Debian r175245 linux.amd64 (Oct 22 2026 07:33:03) release log
00:00:00.000621 main     Executable: /usr/lib/virtualbox/VBoxSVC
00:00:00.000622 main     Process ID: 5589
00:00:00.000622 main     Package type: LINUX_64BITS_GENERIC (OSE)
`;
  assert.equal(servicePid(head), 5589);
  assert.equal(servicePid(''), null);
  assert.equal(servicePid('00:00:00.000622 main     Process ID: '), null);
});

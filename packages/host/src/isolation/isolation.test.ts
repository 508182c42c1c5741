import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type IsolationFacts, whyNotIsolated } from './isolation.ts';

const root: IsolationFacts = { uid: 0, capabilities: 0x1ff_ffff_ffffn, uidMap: [[0, 0, 4_294_967_295]] };

test('isolation needs root with its powers', () => {
  assert.equal(whyNotIsolated(root), null);
  const rows: [Partial<IsolationFacts>, RegExp][] = [
    [{ uid: 1000 }, /does not run as root/],
    // A Docker container's root.
    [{ capabilities: 0xa804_25fbn }, /without CAP_SYS_ADMIN\./],
    [{ capabilities: 0n }, /without CAP_CHOWN, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, CAP_MKNOD/],
    [{ uidMap: [[0, 100_000, 65_536]] }, /user namespace/],
  ];
  for (const [changes, reason] of rows) assert.match(whyNotIsolated({ ...root, ...changes }) ?? '', reason);
});

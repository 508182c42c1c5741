import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { VmSpec } from '@nakhoda/schema';

import { planAutostart } from './autostart-plan.ts';

test('by order, then by vmid; who does not start with the host is left out', () => {
  const vm = (vmid: number, startOrder: number, autostart = true): VmSpec =>
    ({ vmid, name: `vm${vmid}`, autostart, startOrder, startDelaySeconds: vmid % 10 }) as VmSpec;
  assert.deepEqual(planAutostart([vm(103, 1), vm(102, 5), vm(101, 5), vm(100, 0, false)]), [
    { vmid: 103, name: 'vm103', delaySeconds: 3 },
    { vmid: 101, name: 'vm101', delaySeconds: 1 },
    { vmid: 102, name: 'vm102', delaySeconds: 2 },
  ]);
});

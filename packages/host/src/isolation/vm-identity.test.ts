import assert from 'node:assert/strict';
import { test } from 'node:test';

import fc from 'fast-check';

import { isVmUid, virtualBoxIdentity, vmIdentity } from './vm-identity.ts';

const owner = fc.stringMatching(/^[a-z0-9]{8}$/);
const vmid = fc.integer({ min: 100, max: 999_999_999 });

test("a VM's identity lies in the reserved range, which is nobody else's", () => {
  fc.assert(
    fc.property(owner, vmid, (owner, vmid) => {
      const { uid, gid } = vmIdentity({ owner, vmid });
      assert.equal(uid, gid);
      assert.ok(uid > 0x6fff_ffff && uid < 0x7ffe_0000, `${uid}`);
      assert.ok(isVmUid(uid));
      assert.deepEqual(vmIdentity({ owner, vmid }), { uid, gid });
    }),
  );
  for (const uid of [0, 1000, 65_534, 0x6fff_ffff, 0x7ffe_0000]) assert.ok(!isVmUid(uid), `${uid}`);
});

test('VMs of one daemon have identities of their own', () => {
  fc.assert(
    fc.property(owner, vmid, vmid, (owner, one, other) => {
      const same = vmIdentity({ owner, vmid: one }).uid === vmIdentity({ owner, vmid: other }).uid;
      assert.equal(same, (one - other) % 2 ** 20 === 0);
    }),
  );
});

test("VirtualBox's identity is no VM's of the same daemon, with vmids below 1,048,576", () => {
  fc.assert(
    fc.property(owner, fc.integer({ min: 1, max: 2 ** 20 - 1 }), (owner, vmid) => {
      const { uid, gid } = virtualBoxIdentity(owner);
      assert.equal(uid, gid);
      assert.ok(isVmUid(uid));
      assert.notEqual(uid, vmIdentity({ owner, vmid }).uid);
    }),
  );
  assert.equal(virtualBoxIdentity('test0001').uid, vmIdentity({ owner: 'test0001', vmid: 100 }).uid - 100);
});

test('an identity does not change from version to version: files on disk belong to it', () => {
  assert.deepEqual(vmIdentity({ owner: 'test0001', vmid: 100 }), { uid: 2126512228, gid: 2126512228 });
});

test('what is no owner or vmid has no identity', () => {
  for (const vmid of [0, -1, 1.5, Number.NaN]) assert.throws(() => vmIdentity({ owner: 'test0001', vmid }), RangeError);
  assert.throws(() => vmIdentity({ owner: 'x', vmid: 100 }), RangeError);
});

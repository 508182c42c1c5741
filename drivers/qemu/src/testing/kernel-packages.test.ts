import assert from 'node:assert/strict';
import { test } from 'node:test';

import { findKernelPackages } from './kernel-packages.ts';

const looked = (known: Record<string, string>): ReturnType<typeof findKernelPackages> =>
  findKernelPackages((name) => Promise.resolve(known[name] ?? ''));

test("Debian's kernel has its modules in one package with it", async () => {
  // apt-cache depends of apt 2.6.1 on Debian 12.
  const found = await looked({
    'linux-image-cloud-amd64': 'linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n',
    'linux-image-6.1.0-56-cloud-amd64': `linux-image-6.1.0-56-cloud-amd64
  Depends: kmod
  Depends: linux-base
 |Depends: initramfs-tools
  Depends: <linux-initramfs-tool>
    dracut
    initramfs-tools
    tiny-initramfs
  Conflicts: linux-image-6.1.0-56-cloud-amd64-unsigned
`,
  });
  assert.deepEqual(found, { image: 'linux-image-6.1.0-56-cloud-amd64', modules: null, extra: null });
});

test("Ubuntu's has them in packages of their own", async () => {
  // Written after the fields of Ubuntu 24.04's packages; not recorded on an Ubuntu.
  const found = await looked({
    'linux-image-virtual': 'linux-image-virtual\n  Depends: linux-image-6.8.0-31-generic\n',
    'linux-image-6.8.0-31-generic':
      'linux-image-6.8.0-31-generic\n  Depends: kmod\n  Depends: linux-base\n  Depends: linux-modules-6.8.0-31-generic\n |Recommends: grub-pc\n',
  });
  assert.deepEqual(found, {
    image: 'linux-image-6.8.0-31-generic',
    modules: 'linux-modules-6.8.0-31-generic',
    extra: 'linux-modules-extra-6.8.0-31-generic',
  });
});

test('none is none', async () => {
  assert.equal(await looked({}), null);
  assert.equal(await looked({ 'linux-image-virtual': 'linux-image-virtual\n  Depends: linux-base\n' }), null);
});

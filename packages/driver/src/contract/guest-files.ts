import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';

/** Files written into the guest and read out of it. */
export async function guestFiles(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  if (!driver.capabilities().guest?.files) return;
  const { boot, exec } = bench.limits;
  const path = "/data/berkas ' $HOME.bin";
  const bytes = Uint8Array.from({ length: 6000 }, (_, index) => (index * 7 + (index >> 8)) % 256);

  await bench.promise(t, 'any bytes come back as they were written, under an awkward name', boot + exec * 4, async () => {
    await bench.running();
    await bench.guest.writeFile(ctx, { vmid, path, data: bytes });
    const read = await bench.guest.readFile(ctx, { vmid, path, maxBytes: bytes.length });
    assert.ok(Buffer.from(bytes).equals(read), `${read.length} other bytes came back`);
    const { stdout } = await bench.run(['cat', path]);
    assert.ok(stdout.equals(bytes), 'the guest itself sees other bytes');
  });

  await bench.promise(t, 'writing replaces the whole file, also by nothing', exec * 6, async () => {
    for (const content of ['pendek', '']) {
      await bench.guest.writeFile(ctx, { vmid, path, data: Buffer.from(content) });
      await bench.guest.writeFile(ctx, { vmid, path, data: Buffer.from(content) });
      assert.equal(Buffer.from(await bench.guest.readFile(ctx, { vmid, path, maxBytes: 100 })).toString('utf8'), content);
    }
  });

  await bench.promise(t, 'a file longer than maxBytes is refused, not cut', exec * 3, async () => {
    await bench.guest.writeFile(ctx, { vmid, path, data: bytes });
    await rejectsWith('guest.file-failed', bench.guest.readFile(ctx, { vmid, path, maxBytes: bytes.length - 1 }), 'readFile');
  });

  await bench.promise(t, 'a file that cannot be read or written is guest.file-failed', exec * 4, async () => {
    await rejectsWith('guest.file-failed', bench.guest.readFile(ctx, { vmid, path: '/data/no such file', maxBytes: 100 }), 'readFile');
    await rejectsWith('guest.file-failed', bench.guest.writeFile(ctx, { vmid, path: '/no/such/folder/x', data: bytes }), 'writeFile');
    assert.equal(await bench.output(['echo', 'still here']), 'still here');
    await bench.run(['rm', path]);
  });

  await bench.promise(t, 'a file gets the permissions that it is given', exec * 4, async () => {
    // The fake guest's files have none.
    if (driver.id === 'fake') return;
    await bench.guest.writeFile(ctx, { vmid, path, data: Buffer.from('rahasia'), mode: '0640' });
    assert.equal((await bench.output(['stat', '-c', '%a', path])).trim(), '640');
    await bench.run(['rm', path]);
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startDaemon } from '../support/daemon-process.ts';
import { openPageBrowser } from '../support/page-browser.ts';

// The machine runs its firmware alone: nothing here needs a guest, and none has to be waited for.
test(
  'the hardware of a VM that runs on QEMU: memory waits for the next start, a disk and a NIC are plugged in',
  { timeout: 120_000 },
  async () => {
    await using daemon = await startDaemon({ hypervisors: 'qemu' });
    await daemon.json('network', 'create', 'lab', '--cidr', '10.77.0.0/24');
    await daemon.json('vm', 'create', 'web', '--hypervisor', 'qemu', '--memory', '64', '--disk', '1', '--start');
    await using browser = await openPageBrowser(daemon);
    await using session = await browser.open({ path: '/vms/100?tab=hardware', password: daemon.password ?? '' });
    const { page } = session;
    const show = () => daemon.client.call('vm.show', { params: { vm: 'web' } });
    const button = (name: string) => page.getByRole('button', { name, exact: true });
    const row = (title: string) => page.getByRole('row').filter({ has: page.getByRole('gridcell', { name: title, exact: true }) });
    const dialogGone = () => page.getByRole('dialog').waitFor({ state: 'detached' });

    await button('Edit: Memory').click();
    await page.locator('#edit-memoryMiB').fill('96');
    await button('Save').click();
    await dialogGone();
    await row('Memory').getByText('pending', { exact: true }).waitFor();
    assert.equal(await row('Memory').getByRole('gridcell').nth(1).textContent(), '64 MiB');
    await row('Memory').getByText('96 MiB').waitFor();

    await button('Add a disk').click();
    await button('Add it').click();
    await dialogGone();
    await row('Disk (disk1)').getByText('the same').waitFor();
    await button('Add a NIC').click();
    await button('Add it').click();
    await dialogGone();
    await row('NIC (net0)').getByText('the same').waitFor();
    const { pending, disks, nics, memoryMiB } = await show();
    assert.deepEqual(
      pending.map(({ field, running, wanted }) => [field, running, wanted]),
      [['memoryMiB', 64, 96]],
    );
    assert.deepEqual([memoryMiB, disks.length, nics.length], [96, 2, 1]);

    await button('Revert').click();
    await page.getByRole('dialog').getByText('Memory (MiB): not 96 MiB, but 64 MiB').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Revert' }).click();
    await dialogGone();
    await row('Memory').getByText('the same').waitFor();
    assert.deepEqual((await show()).pending, []);
    assert.deepEqual(browser.faults, []);
  },
);

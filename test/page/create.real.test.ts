import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { type PageBrowser, openPageBrowser } from '../support/page-browser.ts';

/** From the last press in the wizard until the page says that the VM runs. */
const limitMs = 60_000;

let daemon: DaemonProcess;
let browser: PageBrowser;
before(async () => {
  daemon = await startDaemon({ hypervisors: 'qemu,virtualbox' });
  browser = await openPageBrowser(daemon);
});
after(async () => {
  await browser?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});

test('the wizard makes and starts a tiny guest on real QEMU and on real VirtualBox', async (t: TestContext) => {
  await using session = await browser.open({ password: daemon.password ?? '' });
  const { page } = session;
  const next = page.locator('.pf-v6-c-wizard__footer .pf-m-primary');
  const step = (name: string) => page.locator('h2.nk-create__title', { hasText: name });
  for (const [hypervisor, title] of [
    ['qemu', 'KVM/QEMU'],
    ['virtualbox', 'VirtualBox'],
  ] as const) {
    await page.goto('/vms/new');
    await page.locator('#new-name').fill(`made-${hypervisor}`);
    await page.getByRole('radio', { name: title }).check();
    await next.click();
    await step('System').waitFor();
    await page.getByRole('radio', { name: 'Tiny guest' }).check();
    await next.click();
    await step('Compute').waitFor();
    // What this hypervisor has no choice of is off, with its own reason.
    if (hypervisor === 'virtualbox') {
      assert.equal(await page.locator('#new-sockets').isDisabled(), true);
      await page.locator('#new-sockets-help', { hasText: 'one socket' }).waitFor();
    }
    await page.locator('#new-memoryMiB').fill('128');
    await next.click();
    await step('Disk').waitFor();
    await page.locator('#new-diskGiB').fill('1');
    for (const name of ['Network', 'Automation', 'Review']) {
      await next.click();
      await step(name).waitFor();
    }
    const began = performance.now();
    await next.click();
    await page
      .locator('.nk-screen__head', { hasText: `made-${hypervisor}` })
      .locator('.nk-state', { hasText: 'running' })
      .waitFor({ timeout: limitMs });
    t.diagnostic(`${hypervisor}: ${((performance.now() - began) / 1000).toFixed(1)} s from the order to "running" on the page`);
    const vm = await daemon.client.call('vm.show', { params: { vm: `made-${hypervisor}` } });
    assert.deepEqual([vm.hypervisor, vm.state, vm.memoryMiB], [hypervisor, 'running', 128]);
    const stop = await daemon.client.call('vm.stop', { params: { vm: `made-${hypervisor}` } });
    await daemon.client.followTask(stop.id, () => undefined);
  }
  assert.deepEqual(browser.faults, []);
});

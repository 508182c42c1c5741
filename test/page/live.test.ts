import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import type { Page } from 'playwright-core';

import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { hostileNotes, makeFakeVms } from '../support/fake-inventory.ts';
import { type PageBrowser, type PageSession, openPageBrowser } from '../support/page-browser.ts';

let daemon: DaemonProcess;
let browser: PageBrowser;
let session: PageSession;
let page: Page;
before(async () => {
  daemon = await startDaemon({ hypervisors: 'fake' });
  await makeFakeVms(daemon, [{ name: 'web', notes: hostileNotes }, { name: 'db', start: true }, { name: 'spare' }]);
  browser = await openPageBrowser(daemon);
  session = await browser.open({ password: daemon.password ?? '' });
  page = session.page;
});
after(async () => {
  await session?.[Symbol.asyncDispose]();
  await browser?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});
beforeEach(() => browser.faults.splice(0));

const order = async (verb: 'vm.start' | 'vm.stop', vm: string) =>
  daemon.client.followTask((await daemon.client.call(verb, { params: { vm } })).id, () => undefined);
const state = (text: string) => page.locator('.nk-screen__head .nk-state', { hasText: text });

test('what somebody else does shows by itself: state, tasks, new and destroyed VMs', async () => {
  await page.goto('/vms/100');
  await state('stopped').waitFor();
  await order('vm.start', 'web');
  await state('running').waitFor();
  await page.locator('.nk-tasks__line', { hasText: 'Start web' }).first().waitFor();
  await order('vm.stop', 'web');
  await state('stopped').waitFor();
  await page.goto('/vms/102');
  await state('stopped').waitFor();
  await daemon.client.followTask((await daemon.client.call('vm.destroy', { params: { vm: 'spare' } })).id, () => undefined);
  await page.getByRole('heading', { name: 'There is no VM 102' }).waitFor();
  await makeFakeVms(daemon, [{ name: 'spare' }]);
  await page.getByRole('treeitem', { name: /spare/u }).waitFor();
  assert.deepEqual(browser.faults, []);
});

test('a daemon that is killed and started again is found again, with what happened meanwhile', async () => {
  await page.goto('/vms/100');
  await page.locator('.nk-connection--live').waitFor();
  await daemon.kill();
  await page.locator('.nk-connection--reconnecting').waitFor();
  await daemon.restart();
  await order('vm.start', 'web');
  await page.locator('.nk-connection--live').waitFor();
  await state('running').waitFor();
  await order('vm.stop', 'web');
  await state('stopped').waitFor();
});

test('text of guests and people is text: no HTML, no turned lines', async () => {
  await page.goto('/vms/100');
  await page.getByText('<script>document.title=2</script>').waitFor();
  assert.match(await page.title(), /^web · Nakhoda$/u);
  assert.equal(await page.locator('.nk-summary img:not(.nk-screenshot)').count(), 0);
});

test('the tree is walked with the arrow keys alone', async () => {
  await page.goto('/');
  const root = page.getByRole('treeitem', { name: /Datacenter/u });
  await page.getByRole('treeitem', { name: /web/u }).waitFor();
  await root.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/vms/101');
  // Back to the node, and shut it: its VMs are gone from the tree.
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await page.getByRole('treeitem', { name: /web/u }).waitFor({ state: 'detached' });
  await page.keyboard.press('ArrowRight');
  await page.getByRole('treeitem', { name: /web/u }).waitFor();
});

test('the palette finds a VM and gives it an order, by keyboard alone', async () => {
  await page.goto('/');
  await page.getByRole('treeitem', { name: /web/u }).waitFor();
  await page.keyboard.press('Control+k');
  await page.keyboard.type('start web');
  await page.locator('[cmdk-item][data-selected=true]', { hasText: 'Start: web' }).waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.nk-palette').waitFor({ state: 'detached' });
  await page.keyboard.press('Control+k');
  await page.keyboard.type('100 web');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/vms/100');
  await state('running').waitFor();
  await order('vm.stop', 'web');
});

test('bulk orders act on what is shown and chosen, and say who cannot and why', async () => {
  await page.goto('/vms?q=name:b');
  await page.locator('.nk-vms__vm').nth(1).waitFor();
  await page.getByLabel('Choose all that are shown').check();
  await page.getByRole('toolbar').getByRole('button', { name: 'Start' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('100 web').waitFor();
  await dialog.getByText('Left out, since they cannot').waitFor();
  await dialog.getByText('101 db').waitFor();
  await dialog.getByRole('button', { name: 'Start' }).click();
  await dialog.getByText('All orders were given').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.locator('.nk-vms__vm', { hasText: 'web' }).getByText('running').waitFor();
  await order('vm.stop', 'web');
});

test('snapshots: taken, gone back to with a safety snapshot, deleted', async () => {
  await page.goto('/vms/101?tab=snapshots');
  await page.getByRole('button', { name: 'Take a snapshot' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('not a name');
  await dialog.getByLabel('Description').fill('kept as typed');
  await dialog.getByText('letters, digits').waitFor();
  await dialog.getByLabel('Name').fill('clean');
  await dialog.getByRole('button', { name: 'Take it' }).click();
  await page.locator('.nk-snapshot', { hasText: 'kept as typed' }).waitFor();
  await page.getByRole('button', { name: 'Roll back to clean' }).click();
  await dialog.getByRole('button', { name: 'Roll back' }).click();
  await page.locator('.nk-snapshot', { hasText: 'before-clean' }).waitFor();
  await page
    .locator('.nk-tasks__line', { hasText: 'Roll db back' })
    .or(page.locator('.nk-tasks__line', { hasText: 'clean' }))
    .first()
    .waitFor();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Delete before-clean' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.locator('.nk-snapshot', { hasText: 'before-clean' }).waitFor({ state: 'detached' });
});

test('destroying asks for the name', async () => {
  await page.goto('/vms?q=name:spare');
  await page.locator('.nk-vms__vm a').click();
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByRole('menuitem', { name: 'Destroy' }).click();
  const dialog = page.getByRole('dialog');
  assert.equal(await dialog.getByRole('button', { name: 'Destroy' }).isDisabled(), true);
  await dialog.getByLabel('Type spare to go on').fill('spare');
  await dialog.getByRole('button', { name: 'Destroy' }).click();
  await page.waitForURL('**/vms');
  await page.getByRole('treeitem', { name: /spare/u }).waitFor({ state: 'detached' });
});

test('a lost session leads to the way in, and from there back to where one was', async () => {
  await page.goto('/vms/100?tab=snapshots');
  await page.getByRole('button', { name: 'Take a snapshot' }).waitFor();
  const { password } = await daemon.client.call('password.reset');
  await page.getByRole('button', { name: 'Take a snapshot' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Take it' }).click();
  await page.locator('#password').fill(password);
  await page.locator('form button[type=submit]').click();
  await page.getByRole('button', { name: 'Take a snapshot' }).waitFor();
  assert.match(page.url(), /\/vms\/100\?tab=snapshots$/u);
  assert.deepEqual(browser.faults, []);
});

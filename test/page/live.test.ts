import assert from 'node:assert/strict';
import { test } from 'node:test';

import { hostileNotes, makeFakeVms } from '../support/fake-inventory.ts';
import { pageSuite } from '../support/page-suite.ts';

const suite = pageSuite((daemon) =>
  makeFakeVms(daemon, [{ name: 'web', notes: hostileNotes }, { name: 'db', start: true }, { name: 'spare' }]),
);

const order = async (verb: 'vm.start' | 'vm.stop', vm: string) =>
  suite.daemon.client.followTask((await suite.daemon.client.call(verb, { params: { vm } })).id, () => undefined);
const state = (text: string) => suite.page.locator('.nk-screen__head .nk-state', { hasText: text });

test('what somebody else does shows by itself: state, tasks, new and destroyed VMs', async () => {
  await suite.page.goto('/vms/100');
  await state('stopped').waitFor();
  await order('vm.start', 'web');
  await state('running').waitFor();
  await suite.page.locator('.nk-tasks__line', { hasText: 'Start web' }).first().waitFor();
  await order('vm.stop', 'web');
  await state('stopped').waitFor();
  await suite.page.goto('/vms/102');
  await state('stopped').waitFor();
  await suite.daemon.client.followTask((await suite.daemon.client.call('vm.destroy', { params: { vm: 'spare' } })).id, () => undefined);
  await suite.page.getByRole('heading', { name: 'There is no VM 102' }).waitFor();
  await makeFakeVms(suite.daemon, [{ name: 'spare' }]);
  await suite.page.getByRole('treeitem', { name: /spare/u }).waitFor();
  assert.deepEqual(suite.browser.faults, []);
});

test('a daemon that is killed and started again is found again, with what happened meanwhile', async () => {
  await suite.page.goto('/vms/100');
  await suite.page.locator('.nk-connection--live').waitFor();
  await suite.daemon.kill();
  await suite.page.locator('.nk-connection--reconnecting').waitFor();
  await suite.daemon.restart();
  await order('vm.start', 'web');
  await suite.page.locator('.nk-connection--live').waitFor();
  await state('running').waitFor();
  await order('vm.stop', 'web');
  await state('stopped').waitFor();
});

test('text of guests and people is text: no HTML, no turned lines', async () => {
  await suite.page.goto('/vms/100');
  await suite.page.getByText('<script>document.title=2</script>').waitFor();
  assert.match(await suite.page.title(), /^web · Nakhoda$/u);
  assert.equal(await suite.page.locator('.nk-summary img:not(.nk-screenshot)').count(), 0);
});

test('the tree is walked with the arrow keys alone', async () => {
  await suite.page.goto('/');
  const root = suite.page.getByRole('treeitem', { name: /Datacenter/u });
  await suite.page.getByRole('treeitem', { name: /web/u }).waitFor();
  await root.focus();
  await suite.page.keyboard.press('ArrowDown');
  await suite.page.keyboard.press('ArrowDown');
  await suite.page.keyboard.press('ArrowDown');
  await suite.page.keyboard.press('Enter');
  await suite.page.waitForURL('**/vms/101');
  // Back to the node, and shut it: its VMs are gone from the tree.
  await suite.page.keyboard.press('ArrowLeft');
  await suite.page.keyboard.press('ArrowLeft');
  await suite.page.getByRole('treeitem', { name: /web/u }).waitFor({ state: 'detached' });
  await suite.page.keyboard.press('ArrowRight');
  await suite.page.getByRole('treeitem', { name: /web/u }).waitFor();
});

test('the palette finds a VM and gives it an order, by keyboard alone', async () => {
  await suite.page.goto('/');
  await suite.page.getByRole('treeitem', { name: /web/u }).waitFor();
  await suite.page.keyboard.press('Control+k');
  await suite.page.keyboard.type('start web');
  await suite.page.locator('[cmdk-item][data-selected=true]', { hasText: 'Start: web' }).waitFor();
  await suite.page.keyboard.press('Enter');
  await suite.page.locator('.nk-palette').waitFor({ state: 'detached' });
  await suite.page.keyboard.press('Control+k');
  await suite.page.keyboard.type('100 web');
  await suite.page.keyboard.press('Enter');
  await suite.page.waitForURL('**/vms/100');
  await state('running').waitFor();
  await order('vm.stop', 'web');
});

test('bulk orders act on what is shown and chosen, and say who cannot and why', async () => {
  await suite.page.goto('/vms?q=name:b');
  await suite.page.locator('.nk-vms__vm').nth(1).waitFor();
  await suite.page.getByLabel('Choose all that are shown').check();
  await suite.page.getByRole('toolbar').getByRole('button', { name: 'Start' }).click();
  const dialog = suite.page.getByRole('dialog');
  await dialog.getByText('100 web').waitFor();
  await dialog.getByText('Left out, since they cannot').waitFor();
  await dialog.getByText('101 db').waitFor();
  await dialog.getByRole('button', { name: 'Start' }).click();
  await dialog.getByText('All orders were given').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await suite.page.locator('.nk-vms__vm', { hasText: 'web' }).getByText('running').waitFor();
  await order('vm.stop', 'web');
});

test('snapshots: taken, gone back to with a safety snapshot, deleted', async () => {
  await suite.page.goto('/vms/101?tab=snapshots');
  await suite.page.getByRole('button', { name: 'Take a snapshot' }).click();
  const dialog = suite.page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('not a name');
  await dialog.getByLabel('Description').fill('kept as typed');
  await dialog.getByText('letters, digits').waitFor();
  await dialog.getByLabel('Name').fill('clean');
  await dialog.getByRole('button', { name: 'Take it' }).click();
  await suite.page.locator('.nk-snapshot', { hasText: 'kept as typed' }).waitFor();
  await suite.page.getByRole('button', { name: 'Roll back to clean' }).click();
  await dialog.getByRole('button', { name: 'Roll back' }).click();
  await suite.page.locator('.nk-snapshot', { hasText: 'before-clean' }).waitFor();
  await suite.page
    .locator('.nk-tasks__line', { hasText: 'Roll db back' })
    .or(suite.page.locator('.nk-tasks__line', { hasText: 'clean' }))
    .first()
    .waitFor();
  await dialog.waitFor({ state: 'detached' });
  await suite.page.getByRole('button', { name: 'Delete before-clean' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await suite.page.locator('.nk-snapshot', { hasText: 'before-clean' }).waitFor({ state: 'detached' });
});

test('destroying asks for the name', async () => {
  await suite.page.goto('/vms?q=name:spare');
  await suite.page.locator('.nk-vms__vm a').click();
  await suite.page.getByRole('button', { name: 'More' }).click();
  await suite.page.getByRole('menuitem', { name: 'Destroy' }).click();
  const dialog = suite.page.getByRole('dialog');
  assert.equal(await dialog.getByRole('button', { name: 'Destroy' }).isDisabled(), true);
  await dialog.getByLabel('Type spare to go on').fill('spare');
  await dialog.getByRole('button', { name: 'Destroy' }).click();
  await suite.page.waitForURL('**/vms');
  await suite.page.getByRole('treeitem', { name: /spare/u }).waitFor({ state: 'detached' });
});

test('a lost session leads to the way in, and from there back to where one was', async () => {
  await suite.page.goto('/vms/100?tab=snapshots');
  await suite.page.getByRole('button', { name: 'Take a snapshot' }).waitFor();
  const { password } = await suite.daemon.client.call('password.reset');
  await suite.page.getByRole('button', { name: 'Take a snapshot' }).click();
  await suite.page.getByRole('dialog').getByRole('button', { name: 'Take it' }).click();
  await suite.page.locator('#password').fill(password);
  await suite.page.locator('form button[type=submit]').click();
  await suite.page.getByRole('button', { name: 'Take a snapshot' }).waitFor();
  assert.match(suite.page.url(), /\/vms\/100\?tab=snapshots$/u);
  assert.deepEqual(suite.browser.faults, []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Vm, VmSet } from '@nakhoda/schema';

import { accessibilityFaults } from '../support/axe.ts';
import { makeFakeVms } from '../support/fake-inventory.ts';
import { pageSuite } from '../support/page-suite.ts';

const suite = pageSuite(async (daemon) => {
  const made = await daemon.client.call('network.create', { body: { name: 'lab', cidr: '10.77.0.0/24' } });
  await daemon.client.followTask(made.id, () => undefined);
  await makeFakeVms(daemon, [{ name: 'web', network: 'lab', start: true }]);
});

const show = (): Promise<Vm> => suite.daemon.client.call('vm.show', { params: { vm: 'web' } });
/** Somebody else, on the command line. */
const setElsewhere = async (body: VmSet) => {
  const { state, error } = await suite.daemon.client.followTask(
    (await suite.daemon.client.call('vm.set', { params: { vm: 'web' }, body })).id,
    () => undefined,
  );
  assert.equal(state, 'succeeded', error?.message ?? '');
};
const button = (name: string) => suite.page.getByRole('button', { name, exact: true });
const dialog = () => suite.page.getByRole('dialog');
const dialogGone = () => dialog().waitFor({ state: 'detached' });
const row = (title: string) => suite.page.getByRole('row').filter({ has: suite.page.getByRole('gridcell', { name: title, exact: true }) });

test('what a running VM cannot take is shown beside what it runs with, and goes back with Revert', async () => {
  await suite.page.goto('/vms/100?tab=hardware');
  await button('Edit: Memory').click();
  await suite.page.locator('#edit-balloonMiB').fill('256');
  await dialog().getByText('Waits for the next start of the VM: Balloon (MiB)').waitFor();
  await button('Save').click();
  await dialogGone();
  const memory = row('Memory');
  await memory.getByText('pending', { exact: true }).waitFor();
  assert.match((await memory.getByRole('gridcell').nth(1).textContent()) ?? '', /^512 MiB$/u);
  await memory.getByText('512 MiB, balloon down to 256 MiB').waitFor();
  await memory.getByText('The fake guest takes that only at its next start.').waitFor();
  assert.deepEqual(
    (await show()).pending.map(({ field }) => field),
    ['balloonMiB'],
  );

  await button('Revert').click();
  await dialog().getByText('Balloon (MiB): not 256 MiB, but none').waitFor();
  await dialog().getByRole('button', { name: 'Revert' }).click();
  await dialogGone();
  await memory.getByText('the same').waitFor();
  const { pending, balloonMiB } = await show();
  assert.deepEqual([pending, balloonMiB], [[], 0]);
  assert.deepEqual(suite.browser.faults, []);
});

test('what it takes is in force at once, and said so before', async () => {
  await suite.page.goto('/vms/100?tab=hardware&edit=processors');
  await suite.page.locator('#edit-cores').fill('99');
  await dialog().getByText('In force at once, if the guest takes it: Cores').waitFor();
  await button('Save').click();
  await dialog().getByText('From 1 to 64.').waitFor();
  await suite.page.locator('#edit-cores').fill('2');
  await button('Save').click();
  await dialogGone();
  await row('Processors').getByText('2, default').waitFor();
  assert.deepEqual([(await show()).cores, (await show()).pending], [2, []]);
});

test('a disk is added, grown but not made smaller, and removed with what is lost named', async () => {
  await suite.page.goto('/vms/100?tab=hardware');
  await button('Add a disk').click();
  await suite.page.locator('#edit-sizeGiB').fill('8');
  await suite.page.locator('#edit-cache').selectOption('unsafe');
  await button('Add it').click();
  await dialogGone();
  await row('Disk (disk1)')
    .getByText(/8 GiB, virtio, qcow2, cache=unsafe/u)
    .waitFor();

  await button('Grow: Disk (disk1)').click();
  await suite.page.locator('#edit-sizeGiB').fill('7');
  await button('Grow it').click();
  await dialog()
    .getByText(/a disk is not made smaller/u)
    .waitFor();
  assert.equal(await suite.page.locator('#edit-sizeGiB').inputValue(), '7');
  await suite.page.locator('#edit-sizeGiB').fill('9');
  await button('Grow it').click();
  await dialogGone();
  await row('Disk (disk1)').getByText(/9 GiB/u).waitFor();

  await button('Remove: Disk (disk1)').click();
  await dialog().getByText('The image of 9 GiB is deleted with everything on it. Nothing brings it back.').waitFor();
  await suite.page.locator('#keep').check();
  await dialog()
    .getByText(/its image stays in the VM's folder/u)
    .waitFor();
  await suite.page.locator('#keep').uncheck();
  await button('Remove it with its data').click();
  await dialogGone();
  await row('Disk (disk1)').waitFor({ state: 'detached' });
  assert.deepEqual(
    (await show()).disks.map(({ slot }) => slot),
    ['disk0'],
  );
  assert.deepEqual(suite.browser.faults, []);
});

test('the second of two who change the same field is told and decides; what was not touched follows', async () => {
  await suite.page.goto('/vms/100?tab=hardware&edit=memory');
  await suite.page.locator('#edit-memoryMiB').fill('700');
  await setElsewhere({ memoryMiB: 900, balloonMiB: 128 });
  await dialog().getByText('Somebody changed this meanwhile: Memory (MiB)').waitFor();
  await dialog().getByText('Changed by somebody meanwhile, and shown as it is now: Balloon (MiB)').waitFor();
  assert.deepEqual(await suite.page.locator('.nk-difference dd').allTextContents(), ['512 MiB', '900 MiB', '700 MiB']);
  assert.equal(await suite.page.locator('#edit-memoryMiB').inputValue(), '700');
  assert.equal(await suite.page.locator('#edit-balloonMiB').inputValue(), '128');
  assert.equal(await button('Save').getAttribute('aria-disabled'), 'true');
  assert.deepEqual(await accessibilityFaults(suite.page), []);
  await button('Keep mine').click();
  await button('Save').click();
  await dialogGone();
  const { memoryMiB, balloonMiB } = await show();
  assert.deepEqual([memoryMiB, balloonMiB], [700, 128]);

  await button('Edit: Memory').click();
  await suite.page.locator('#edit-memoryMiB').fill('600');
  await setElsewhere({ memoryMiB: 800, balloonMiB: 0 });
  await button('Take theirs').click();
  assert.equal(await suite.page.locator('#edit-memoryMiB').inputValue(), '800');
  await button('Leave it').click();
  await dialogGone();
  assert.equal((await show()).memoryMiB, 800);
});

test('a session that is lost loses nothing that was typed', async () => {
  await suite.page.goto('/vms/100?tab=hardware&edit=memory');
  await suite.page.locator('#edit-memoryMiB').fill('640');
  await suite.page.context().clearCookies();
  await button('Save').click();
  await suite.page.locator('#password').fill(suite.daemon.password ?? '');
  await suite.page.locator('form button[type=submit]').click();
  await suite.page.locator('#edit-memoryMiB').waitFor();
  assert.equal(await suite.page.locator('#edit-memoryMiB').inputValue(), '640');
  await button('Save').click();
  await dialogGone();
  assert.equal((await show()).memoryMiB, 640);
});

test('the cable of a NIC is pulled at once, and plugged in again by Undo', async () => {
  await suite.page.goto('/vms/100?tab=network');
  const cable = suite.page.getByRole('switch', { name: 'Cable of net0' });
  await cable.waitFor();
  await suite.page.locator('label[for=link-net0]').click();
  await suite.page.getByText('Pulled the cable of net0 of web').waitFor();
  await suite.page.locator('label[for=link-net0]', { hasText: 'pulled' }).waitFor();
  assert.equal((await show()).nics[0]?.linkUp, false);
  await button('Undo').click();
  await suite.page.locator('label[for=link-net0]', { hasText: 'plugged in' }).waitFor();
  assert.equal((await show()).nics[0]?.linkUp, true);
});

test('Undo does not take back what somebody has changed since', async () => {
  await suite.page.goto('/vms/100?tab=options');
  await suite.page.getByLabel('New tag').fill('Prod');
  await suite.page.keyboard.press('Enter');
  await suite.page.getByText('Put the tag prod on web').waitFor();
  await button('Take off the tag prod').waitFor();
  await setElsewhere({ tags: ['prod', 'lab'] });
  await button('Take off the tag lab').waitFor();
  await button('Undo').click();
  await suite.page.getByText('It was changed again since, so it is not taken back.').waitFor();
  assert.deepEqual((await show()).tags, ['lab', 'prod']);
  await suite.page.getByLabel('New tag').fill('no spaces');
  await suite.page.keyboard.press('Enter');
  await suite.page.getByText(/lower-case letters, digits/u).waitFor();
});

test('the boot order is changed with the keyboard alone', async () => {
  await suite.page.goto('/vms/100?tab=hardware');
  await button('Edit: Boot order').focus();
  await suite.page.keyboard.press('Enter');
  const first = suite.page.locator('#edit-bootOrder-cdrom');
  await first.waitFor();
  while (!(await first.evaluate((element) => element.matches(':focus')))) await suite.page.keyboard.press('Tab');
  await suite.page.keyboard.press('Alt+ArrowDown');
  await dialog().getByText('cdrom is number 2 of 2').waitFor();
  assert.ok(await first.evaluate((element) => element.matches(':focus')));
  while (!(await button('Save').evaluate((element) => element.matches(':focus')))) await suite.page.keyboard.press('Tab');
  await suite.page.keyboard.press('Enter');
  await dialogGone();
  assert.deepEqual((await show()).bootOrder, ['disk0', 'cdrom']);
  await row('Boot order').getByText('disk0 → cdrom').waitFor();
});

test('notes are Markdown without HTML, edited in place, and not written over unasked', async () => {
  await suite.page.goto('/vms/100');
  await button('Edit the notes').click();
  const field = suite.page.getByRole('textbox', { name: 'Notes' });
  await field.fill('# Ask *Ann*\n\n<b onclick=x>no</b> [bad](javascript:alert(1)) [good](https://example.com)');
  await setElsewhere({ notes: 'theirs' });
  await suite.page.getByText('Somebody changed the notes meanwhile. Theirs are now:').waitFor();
  await button('Keep mine').click();
  await button('Save').click();
  const notes = suite.page.locator('.nk-markdown');
  await notes.locator('h3', { hasText: 'Ask Ann' }).waitFor();
  assert.equal(await notes.locator('b').count(), 0);
  await notes.getByText('<b onclick=x>no</b>').waitFor();
  assert.deepEqual(await notes.locator('a').evaluateAll((links) => links.map((link) => link.getAttribute('href'))), [
    'https://example.com/',
  ]);
  await button('Undo').click();
  await notes.getByText('theirs').waitFor();
  assert.equal((await show()).notes, 'theirs');
  assert.deepEqual(suite.browser.faults, []);
});

test('cloud-init settings are given and shown without the password', async () => {
  await suite.page.goto('/vms/100?tab=options&edit=cloudInit');
  await suite.page.locator('#edit-ciUser').fill('ann');
  await suite.page.locator('#edit-ciPassword').fill('secret');
  await suite.page.locator('#edit-ciSshKeys').fill('no key');
  await button('Give it the drive').click();
  await dialog()
    .getByText(/public keys that may log in/u)
    .waitFor();
  await suite.page.locator('#edit-ciSshKeys').fill('ssh-ed25519 AAAA ann\n\n');
  await button('Give it the drive').click();
  await dialogGone();
  await suite.page.getByText('web, user ann, with a password, SSH keys: 1').waitFor();
  assert.deepEqual((await show()).cloudInit?.sshKeys, ['ssh-ed25519 AAAA ann']);
});

test('the guest tells of itself, and an agent that hangs is called that', async () => {
  await suite.page.goto('/vms/100');
  await suite.page.getByText('Fake guest').waitFor();
  await suite.page.route('**/api/v1/vms/100/guest', (route) =>
    route.fulfill({
      status: 504,
      json: { code: 'guest.timeout', message: 'The agent of web did not answer in 5 s.', hint: 'Look in the guest.' },
    }),
  );
  await button('Ask again').click();
  await suite.page.getByText("The guest's agent hangs: it took the question and did not answer in time.").waitFor();
  await suite.page.unroute('**/api/v1/vms/100/guest');
});

test("what was changed with the hypervisor's own tools is told with what one does about it", async () => {
  const change = 'memory: VirtualBox has 256 MiB, Nakhoda wants 128 MiB.';
  await suite.page.route('**/api/v1/vms', async (route) => {
    const vms = await suite.daemon.client.call('vm.list');
    await route.fulfill({ json: vms.map((vm) => ({ ...vm, changedOutside: [change] })) });
  });
  await suite.page.goto('/vms/100');
  await suite.page.getByText(change).waitFor();
  await suite.page.getByText(/Nothing overwrites this by itself/u).waitFor();
  await suite.page.getByRole('link', { name: 'To the hardware' }).click();
  await row('Memory').waitFor();
  await suite.page.unroute('**/api/v1/vms');
});

for (const theme of ['light', 'dark'] as const) {
  test(`tabs and dialogs keep WCAG 2.2 AA: ${theme}`, async () => {
    await setElsewhere({
      display: theme === 'light' ? 'virtio' : 'qxl',
      notes: '# one\n\n- [x] two\n\n| a |\n|---|\n| `b` |\n\n[c](https://example.com)',
    });
    await suite.page.evaluate(`localStorage.setItem('theme', '${theme}')`);
    const faults: string[] = [];
    for (const [path, shown] of [
      ['?tab=summary', '.nk-markdown table'],
      ['?tab=hardware', '.nk-hardware__pending'],
      ['?tab=hardware&edit=processors', '#edit-cores'],
      ['?tab=hardware&edit=boot', '.nk-order'],
      ['?tab=hardware&edit=add-disk', '#edit-sizeGiB'],
      ['?tab=hardware&edit=disk0.remove', '#keep'],
      ['?tab=network', '#link-net0'],
      ['?tab=options', '#option-autostart'],
      ['?tab=options&edit=cloudInit', '#edit-ciUser'],
    ] as const) {
      await suite.page.goto(`/vms/100${path}`);
      await suite.page.locator(shown).first().waitFor();
      faults.push(...(await accessibilityFaults(suite.page)).map((fault) => `${path}: ${fault}`));
    }
    assert.deepEqual(faults, []);
    assert.deepEqual(suite.browser.faults, []);
  });
}

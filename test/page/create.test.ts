import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { accessibilityFaults } from '../support/axe.ts';
import { pageSuite } from '../support/page-suite.ts';

const cliMain = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

const suite = pageSuite();

const button = (name: string) => suite.page.getByRole('button', { name, exact: true });
const dialog = () => suite.page.getByRole('dialog');
const head = (text: string) => suite.page.locator('.nk-screen__head', { hasText: text });
const step = (name: string) => suite.page.locator('h2.nk-create__title', { hasText: name });
const show = (vm: string) => suite.daemon.client.call('vm.show', { params: { vm } });

/** Presses Tab until the element of this selector has the focus, as somebody without a mouse does. */
async function tabTo(selector: string): Promise<void> {
  await suite.page.locator(selector).waitFor();
  for (let presses = 0; presses < 80; presses += 1) {
    if (await suite.page.evaluate<boolean>(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
    await suite.page.keyboard.press('Tab');
  }
  assert.fail(`Tab does not come to ${selector}`);
}
const next = '.pf-v6-c-wizard__footer .pf-m-primary';

test('first run: five checks, and a tour that is left and taken up again', async () => {
  await suite.page.goto('/');
  const checks = suite.page.getByRole('list', { name: 'Five checks of the host' });
  await checks.waitFor();
  assert.equal(await checks.getByRole('listitem').count(), 5);
  await button('Take the tour').click();
  await button('Make the network').click();
  const first = suite.page.locator('.nk-tour > li').nth(0);
  await first.getByText('See how it went').waitFor();
  await suite.page.goto('/');
  await button('Go on with the tour').click();
  await button('Make and start it').click();
  await suite.page.getByText('Every hypervisor of this host runs a VM, on one network').waitFor();
  assert.deepEqual(await accessibilityFaults(suite.page), []);
  assert.equal((await show('tour-fake')).state, 'running');
  await suite.page.goto('/');
  await suite.page.getByRole('link', { name: 'Go on with it' }).click();
  await button('To the VMs of the tour').click();
  await suite.page.locator('.nk-vms__vm', { hasText: 'tour-fake' }).waitFor();
  await suite.page.goto('/');
  await head('Overview').waitFor();
  assert.equal(await suite.page.getByText('The tour is not finished').count(), 0);
  assert.deepEqual(suite.browser.faults, []);
});

test('the wizard by keyboard alone, from c v to the running VM', async () => {
  await suite.page.goto('/vms');
  await head('VMs').waitFor();
  await suite.page.keyboard.press('c');
  await suite.page.keyboard.press('v');
  await suite.page.locator('#new-name:focus').waitFor();
  await suite.page.keyboard.type('keys');
  await suite.page.locator('#new-hypervisor:checked').waitFor();
  for (const [name, act] of [
    ['System', () => Promise.resolve()],
    [
      'Compute',
      async () => {
        await tabTo('#new-cores');
        await suite.page.keyboard.press('ArrowUp');
      },
    ],
    ['Disk', () => Promise.resolve()],
    [
      'Network',
      async () => {
        await tabTo('#new-network');
        await suite.page.keyboard.type('tour');
      },
    ],
    ['Automation', () => tabTo('#new-start')],
    ['Review', () => Promise.resolve()],
  ] as const) {
    await tabTo(next);
    await suite.page.keyboard.press('Enter');
    await step(name).waitFor();
    assert.deepEqual(await accessibilityFaults(suite.page), [], name);
    await act();
  }
  await suite.page.getByText('The host has room for this').waitFor();
  await tabTo(next);
  await suite.page.keyboard.press('Enter');
  await head('keys').locator('.nk-state', { hasText: 'running' }).waitFor();
  const vm = await show('keys');
  assert.deepEqual([vm.cores, vm.nics[0]?.network, vm.cdrom, vm.state], [2, 'tour', 'tiny', 'running']);
  assert.equal(await suite.page.evaluate("localStorage.getItem('new-vm-draft')"), null);
  assert.deepEqual(suite.browser.faults, []);
});

test('the draft survives a reload at its step, without the password, and can be thrown away', async () => {
  await suite.page.goto('/vms/new');
  await suite.page.locator('#new-name').fill('draft');
  await suite.page.locator('#new-hypervisor:checked').waitFor();
  await suite.page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: 'Automation' }).click();
  await suite.page.locator('#new-tags').fill('a,b');
  await suite.page.locator('#new-ciDrive').check();
  await suite.page.locator('#new-ciUser').fill('me');
  await suite.page.locator('#new-ciPassword').fill('not to be kept');
  assert.deepEqual(await accessibilityFaults(suite.page), []);
  await suite.page.reload();
  await step('Automation').waitFor();
  assert.equal(await suite.page.locator('#new-tags').inputValue(), 'a,b');
  assert.equal(await suite.page.locator('#new-ciUser').inputValue(), 'me');
  assert.equal(await suite.page.locator('#new-ciPassword').inputValue(), '');
  assert.equal(await suite.page.evaluate("JSON.stringify(localStorage).includes('not to be kept')"), false);
  await button('Throw the draft away').click();
  await suite.page.locator('#new-name:focus').waitFor();
  assert.equal(await suite.page.locator('#new-name').inputValue(), '');
  await button('Take it back').click();
  assert.equal(await suite.page.locator('#new-name').inputValue(), 'draft');
  await button('Throw the draft away').click();
  await suite.page.locator('#new-name:focus').waitFor();
  await suite.page.reload();
  assert.equal(await suite.page.locator('#new-name').inputValue(), '');
});

test('what is wrong is said as it is typed, and the way on is shut', async () => {
  await suite.page.goto('/vms/new');
  await suite.page.locator('#new-name').fill('not a name');
  await suite.page.locator(next).click();
  await suite.page.locator('#new-name-help', { hasText: 'letters, digits and inner hyphens' }).waitFor();
  assert.equal(await suite.page.locator('#new-name').inputValue(), 'not a name');
  await suite.page.goto('/vms/new?step=compute');
  await suite.page.locator('#new-cores').fill('65');
  await suite.page.locator('#new-memoryMiB').click();
  await suite.page.locator('#new-cores-help', { hasText: 'at most 64 processors' }).waitFor();
  await suite.page.locator('#new-cores').fill('2');
  await suite.page.locator('#new-cores-help', { hasText: 'Up to 64 here' }).waitFor();
  await button('Throw the draft away').click();
});

test('the command shown is taken by the command line; a name that is taken since leads back to its field', async () => {
  await suite.page.goto('/vms/new');
  await suite.page.locator('#new-name').fill('twin');
  await suite.page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: 'Disk' }).click();
  await suite.page.locator('#new-diskBus').selectOption('scsi');
  await suite.page.locator('#new-diskDiscard').uncheck();
  await suite.page.locator('#new-diskIopsLimit').fill('500');
  await suite.page.locator(next).click();
  await suite.page.locator('#new-network').selectOption('tour');
  await suite.page.locator('#new-nicModel').selectOption('e1000');
  await suite.page.locator(next).click();
  await suite.page.locator('#new-start').uncheck();
  await suite.page.locator('#new-tags').fill('x, y');
  await suite.page.locator('#new-folder').fill('Lab/week 3');
  await suite.page.locator('#new-notes').fill(`--it's "two"\nlines of $HOME \`id\``);
  await suite.page.locator('#new-ciDrive').check();
  await suite.page.locator('#new-ciPassword').fill('secret');
  await suite.page.locator('#new-ciNetwork').fill('net0=10.77.0.5/24 via 10.77.0.1');
  await suite.page.locator(next).click();
  const command = await suite.page.locator('#new-text-cli').innerText();
  assert.match(command, /^\.\/nakhoda vm create twin/u);
  assert.equal(command.includes('secret'), false);
  // `./nakhoda` sees to what the machine needs and becomes this very program.
  const script = command.replace('./nakhoda', '"$0" "$1"');
  const ran = await suite.daemon.inNamespace(['sh', '-c', script, process.execPath, cliMain], {
    env: { NAKHODA_DATA: suite.daemon.data, PASSWORD: 'secret' },
  });
  assert.equal(ran.exitCode, 0, `${command}\n${ran.stderr}`);

  await button('Create the VM').click();
  await step('Hypervisor').waitFor();
  await suite.page.locator('#new-name-help', { hasText: 'A VM called twin exists already' }).waitFor();
  await suite.page.locator('#new-name:focus').fill('twin2');
  await suite.page.getByRole('navigation', { name: 'Steps' }).getByRole('button', { name: 'Review' }).click();
  await button('Create the VM').click();
  await head('twin2').waitFor();
  const plain = async (name: string) => {
    const vm = await show(name);
    const { bus, discard, iopsLimit } = vm.disks[0] ?? assert.fail('no disk');
    const { notes, tags, folder, cloudInit, state, memoryMiB, cores, bootOrder } = vm;
    return { bus, discard, iopsLimit, nic: vm.nics[0]?.model, notes, tags, folder, cloudInit, state, memoryMiB, cores, bootOrder };
  };
  const made = await plain('twin2');
  assert.deepEqual(made, await plain('twin'));
  assert.deepEqual([made.bus, made.discard, made.nic, made.folder], ['scsi', false, 'e1000', 'Lab/week 3']);
  assert.equal(made.notes, `--it's "two"\nlines of $HOME \`id\``);
  assert.equal(made.cloudInit?.hasPassword, true);
  assert.deepEqual(suite.browser.faults, []);
});

test('express: one page, one order', async () => {
  await suite.page.goto('/vms/new?mode=express');
  await suite.page.locator('#new-hypervisor:checked').waitFor();
  await suite.page.locator('#new-name').fill('quick');
  await suite.page.locator('#new-memoryMiB').fill('256');
  assert.deepEqual(await accessibilityFaults(suite.page), []);
  await suite.page.keyboard.press('Enter');
  await head('quick').locator('.nk-state', { hasText: 'running' }).waitFor();
  assert.equal((await show('quick')).memoryMiB, 256);
});

test('networks: made, an overlap told at its field, deleted when no VM is on it', async () => {
  await suite.page.goto('/networks');
  await button('Create a network').click();
  await dialog().getByLabel('Name').fill('lab');
  await dialog().getByLabel('Range').fill('10.77.0.0/24');
  await button('Create it').click();
  await suite.page.locator('#network-cidr-help', { hasText: 'overlaps' }).waitFor();
  await dialog().getByLabel('Range').fill('10.91.0.0/24');
  assert.deepEqual(await accessibilityFaults(suite.page), []);
  await button('Create it').click();
  await dialog().waitFor({ state: 'detached' });
  await suite.page.locator('tr', { hasText: '10.91.0.0/24' }).waitFor();
  const used = button('Delete the network tour');
  assert.equal(await used.getAttribute('aria-disabled'), 'true');
  assert.match((await used.getAttribute('title')) ?? '', /tour-fake/u);
  await button('Delete the network lab').click();
  await dialog().getByText('nk-lab').waitFor();
  await dialog().getByRole('button', { name: 'Delete' }).click();
  await suite.page.locator('tr', { hasText: '10.91.0.0/24' }).waitFor({ state: 'detached' });
});

test('a VM becomes a template, and a linked clone of it a VM', async () => {
  const { vmid } = await show('twin2');
  await suite.page.goto(`/vms/${vmid}`);
  await button('More').click();
  await suite.page.getByRole('menuitem', { name: 'Clone' }).click();
  assert.equal(await suite.page.locator('#clone-linked').isDisabled(), true);
  await dialog().getByText('A linked clone needs a snapshot').waitFor();
  assert.deepEqual(await accessibilityFaults(suite.page), []);
  await button('Leave it').click();
  await button('More').click();
  await suite.page.getByRole('menuitem', { name: 'Make it a template' }).click();
  await button('Make it a template').click();
  await suite.page.locator('.nk-screen__head .pf-v6-c-label', { hasText: 'template' }).waitFor();
  await button('More').click();
  await suite.page.getByRole('menuitem', { name: 'Clone' }).click();
  assert.equal(await suite.page.locator('#clone-linked').isChecked(), true);
  await dialog().getByLabel('Name of the clone').fill('twin');
  await button('Clone it').click();
  await suite.page.locator('#clone-name-help', { hasText: 'exists already' }).waitFor();
  await dialog().getByLabel('Name of the clone').fill('child');
  await button('Clone it').click();
  await suite.page.getByRole('treeitem', { name: /child/u }).waitFor();
  await suite.page.locator('.nk-task-state--succeeded').first().waitFor();
  assert.deepEqual((await show('child')).linkedTo, { vmid, snapshot: null });
  assert.deepEqual(suite.browser.faults, []);
});

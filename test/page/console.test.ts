import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { readPng } from '@nakhoda/driver/contract';
import { waitFor } from '@nakhoda/host';
import type { WebSocket } from 'playwright-core';

import { consoleKeys, offeredCombinations } from '../../apps/web/src/console/console-keys.ts';
import { accessibilityFaults } from '../support/axe.ts';
import { makeFakeVms } from '../support/fake-inventory.ts';
import { pageSuite } from '../support/page-suite.ts';

const suite = pageSuite((daemon) => makeFakeVms(daemon, [{ name: 'web', start: true }, { name: 'off' }]), {
  permissions: ['clipboard-read', 'clipboard-write'],
});

const button = (name: string | RegExp) => suite.page.getByRole('button', { name, exact: typeof name === 'string' });
const canvas = () => suite.page.locator('.nk-console canvas');
const terminal = () => suite.page.locator('.nk-console .xterm-rows');
const brokenHop = (name: string) => suite.page.locator('.nk-hop--broken', { hasText: name });

/** Opens the screen of a VM, and gives the WebSocket that it comes by. */
async function openScreen(path = '/vms/100?tab=console'): Promise<WebSocket> {
  const opened = suite.page.waitForEvent('websocket', (socket) => socket.url().includes('/vnc'));
  await suite.page.goto(path);
  await drawn();
  return opened;
}

/** The colours of the canvas at a place, from 0 to 1 in both directions. */
const colourAt = (x: number, y: number) =>
  suite.page.evaluate<number[]>(
    `(() => { const c = document.querySelector('.nk-console canvas');
      return [...c.getContext('2d').getImageData(Math.floor(c.width * ${x}), Math.floor(c.height * ${y}), 1, 1).data]; })()`,
  );
/** Waits for something of the page; playwright's own way of waiting for it is what the content security policy refuses. */
async function until(expression: string): Promise<void> {
  const holds = await waitFor(() => suite.page.evaluate<boolean>(expression).catch(() => false), { timeoutMs: 20_000, pollMs: 50 });
  assert.ok(holds, expression);
}
const drawn = () =>
  until(`(() => { const c = document.querySelector('.nk-console canvas');
    return c !== null && c.width === 64 && c.getContext('2d').getImageData(63, 47, 1, 1).data[2] > 200; })()`);

/** Keysyms of the key events that a viewer has sent, `+` for down. */
function pressedOn(socket: WebSocket): string[] {
  const pressed: string[] = [];
  socket.on('framesent', ({ payload }) => {
    const bytes = Buffer.from(payload);
    if (bytes[0] === 4 && bytes.length % 8 === 0)
      for (let at = 0; at < bytes.length; at += 8)
        pressed.push(`${bytes[at + 1] === 1 ? '+' : '-'}${bytes.readUInt32BE(at + 4).toString(16)}`);
  });
  return pressed;
}

async function untilPressed(pressed: readonly string[], expected: readonly string[]): Promise<void> {
  await waitFor(() => pressed.length >= expected.length, { timeoutMs: 10_000, pollMs: 20 });
  assert.deepEqual(pressed, expected);
}

test("the screen is the guest's, in its colours, and can be saved", async () => {
  await openScreen();
  const frame = await suite.page.evaluate<number[]>(
    `(() => { const c = document.querySelector('.nk-console canvas'); return [c.width, c.height]; })()`,
  );
  await button('More').last().click();
  const saving = suite.page.waitForEvent('download');
  await suite.page.getByRole('menuitem', { name: 'Save a picture' }).click();
  const saved = await saving;
  assert.equal(saved.suggestedFilename(), 'web.png');
  const png = readPng(await readFile(await saved.path()));
  assert.deepEqual([png.width, png.height, png.isBlank], [...frame, false]);
  // What the fake hypervisor shows: a slope of green downwards and of blue to the right.
  assert.deepEqual(await colourAt(0.5, 0.5), [0, 24 * 5, 32 * 4, 255]);
  assert.deepEqual(suite.browser.faults, []);
});

test('keys go through the screen: combinations, keys that are held, the keyboard itself', async () => {
  const pressed = pressedOn(await openScreen());
  await button('Ctrl+Alt+Del').click();
  const all = ['+ffe3', '+ffe9', '+ffff', '-ffff', '-ffe9', '-ffe3'];
  await untilPressed(pressed, all);
  await button('Ctrl').click();
  assert.equal(await button('Ctrl').getAttribute('aria-pressed'), 'true');
  await suite.page.keyboard.press('c');
  await button('Ctrl').click();
  all.push('+ffe3', '+63', '-63', '-ffe3');
  await untilPressed(pressed, all);
  await button('Keys').click();
  await suite.page.getByRole('menuitem', { name: 'Ctrl+Alt+F2' }).click();
  all.push('+ffe3', '+ffe9', '+ffbf', '-ffbf', '-ffe9', '-ffe3');
  await untilPressed(pressed, all);
  // The guest's, not the palette's.
  await suite.page.keyboard.press('Control+k');
  all.push('+ffe3', '+6b', '-6b', '-ffe3');
  await untilPressed(pressed, all);
  assert.equal(await suite.page.locator('.nk-palette').count(), 0);
});

test('Ctrl+Alt frees the keyboard, and leaves no key down in the guest', async () => {
  const pressed = pressedOn(await openScreen());
  await canvas().focus();
  await suite.page.keyboard.press('Tab');
  await suite.page.keyboard.press('Control+Alt');
  await until(`document.activeElement.closest('.nk-console__bar') !== null`);
  await untilPressed(pressed, ['+ff09', '-ff09', '+ffe3', '+ffe9', '-ffe9', '-ffe3']);
});

test('every key that the page knows has the same name in the API', async () => {
  const keys = [...consoleKeys.map(({ name }) => name), ...offeredCombinations];
  for (let at = 0; at < keys.length; at += 100) {
    const some = keys.slice(at, at + 100);
    assert.deepEqual(await suite.daemon.client.call('vm.keys', { params: { vm: 'web' }, body: { keys: some } }), { pressed: some.length });
  }
});

test('a text is typed, and what cannot be typed is named before', async () => {
  await openScreen();
  await button('Type text').click();
  const dialog = suite.page.getByRole('dialog');
  await dialog.getByLabel('Text').fill('Grüße');
  await dialog.getByText('"ü" (U+00FC), "ß" (U+00DF)').waitFor();
  assert.equal(await dialog.getByRole('button', { name: 'Type it' }).isDisabled(), true);
  assert.deepEqual(await accessibilityFaults(suite.page), []);
  await dialog.getByLabel('Text').fill('');
  await suite.page.evaluate(`navigator.clipboard.writeText('echo hello')`);
  await dialog.getByRole('button', { name: 'Paste from the clipboard' }).click();
  await dialog.getByLabel('Press Enter').check();
  const typed = suite.page.waitForRequest((request) => request.url().endsWith('/vms/100/text'));
  await dialog.getByRole('button', { name: 'Type it' }).click();
  assert.deepEqual((await typed).postDataJSON(), { text: 'echo hello', enter: true });
  await dialog.waitFor({ state: 'detached' });
});

test('the serial console is typed into, pasted into, and shows colours of every kind', async () => {
  await suite.page.goto('/vms/100?tab=console');
  await button('Serial').click();
  await suite.page.waitForURL('**/vms/100?tab=console&console=serial');
  await terminal().getByText('tiny#').first().waitFor();
  await suite.page.locator('.xterm-helper-textarea').focus();
  await suite.page.keyboard.type('echo hello there\n');
  await terminal().getByText('hello there', { exact: true }).waitFor();
  await suite.page.evaluate(String.raw`navigator.clipboard.writeText("printf '\\033[38;2;255;100;0mtrue colour\\033[0m\\n'\n")`);
  await button('Paste').click();
  await terminal().getByText('true colour', { exact: true }).waitFor();
  const colour = await suite.page.evaluate<string>(
    `getComputedStyle([...document.querySelectorAll('.xterm-rows span')].find((cell) => cell.textContent === 'true colour')).color`,
  );
  assert.equal(colour, 'rgb(255, 100, 0)');
  assert.deepEqual(suite.browser.faults, []);
});

test('a VM that is off offers its start, and its console opens by itself, as it does after a restart', async () => {
  await suite.page.goto('/vms/101?tab=console');
  await button('Start the VM').click();
  await drawn();
  const stop = await suite.daemon.client.call('vm.stop', { params: { vm: 'off' } });
  await suite.daemon.client.followTask(stop.id, () => undefined);
  await suite.page.getByText('There is a console while the VM runs.').waitFor();
  const start = await suite.daemon.client.call('vm.start', { params: { vm: 'off' } });
  await suite.daemon.client.followTask(start.id, () => undefined);
  await drawn();
});

test('another CD is put in and taken out', async () => {
  await openScreen();
  const open = async () => {
    await button('More').last().click();
    await suite.page.getByRole('menuitem', { name: 'CD drive' }).click();
  };
  await open();
  const dialog = suite.page.getByRole('dialog');
  await dialog.getByText('The drive is empty').waitFor();
  await dialog.getByLabel('Volume').fill('local:iso/none.iso');
  await dialog.getByRole('button', { name: 'Insert' }).click();
  await dialog.getByText('storage.volume-not-found').waitFor();
  assert.equal(await dialog.getByLabel('Volume').inputValue(), 'local:iso/none.iso');
  await dialog.getByLabel('Volume').fill('tiny');
  await dialog.getByRole('button', { name: 'Insert' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal((await suite.daemon.client.call('vm.show', { params: { vm: 'web' } })).cdrom, 'tiny');
  await open();
  await dialog.getByText('In the drive: tiny').waitFor();
  await dialog.getByRole('button', { name: 'Eject' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.equal((await suite.daemon.client.call('vm.show', { params: { vm: 'web' } })).cdrom, null);
});

test('in full screen the bar hides itself, and comes back at the top edge and by keyboard', async () => {
  await openScreen('/vms/100/console');
  assert.equal(await suite.page.locator('.nk-masthead').count(), 0, 'a window of its own has no shell');
  const bar = suite.page.locator('.nk-console__bar');
  const barIs = (shown: boolean) =>
    until(`document.querySelector('.nk-console__bar').getBoundingClientRect().bottom ${shown ? '> 20' : '<= 0'}`);
  await button('Full screen').click();
  await suite.page.locator('.nk-console--full').waitFor();
  await suite.page.mouse.move(600, 500);
  await barIs(false);
  await suite.page.getByText('Bar: Ctrl+Alt').hover();
  await barIs(true);
  assert.equal(await bar.getByText('Ctrl+Alt frees the keyboard').isVisible(), true);
  await suite.page.mouse.move(600, 500);
  await barIs(false);
  await canvas().focus();
  await suite.page.keyboard.press('Control+Alt');
  await barIs(true);
  // Dialogs and menus have to be within what is shown in full screen.
  await button('Type text').click();
  await suite.page.getByRole('dialog').getByRole('button', { name: 'Leave it' }).click();
  await button('Leave full screen').click();
  await suite.page.locator('.nk-console--full').waitFor({ state: 'detached' });
});

test('a window of its own is opened from the tab', async () => {
  await openScreen();
  await button('More').last().click();
  const opening = suite.page.waitForEvent('popup');
  await suite.page.getByRole('menuitem', { name: 'Open in a window of its own' }).click();
  const popup = await opening;
  await popup.locator('.nk-console canvas').waitFor();
  assert.match(popup.url(), /\/vms\/100\/console\?console=vnc$/u);
  assert.match(await popup.title(), /Console of web/u);
  await popup.close();
});

test('where there is no VNC there are pictures and whole keys, with the reason', async () => {
  const known = await suite.daemon.client.call('hypervisor.list', { params: { node: 'local' } });
  const vnc = { allowed: false, reason: 'The extension pack is not there.' };
  const json = known.map((one) => ({
    ...one,
    capabilities: { ...one.capabilities, display: { ...one.capabilities.display, vnc } },
  }));
  await suite.page.route('**/api/v1/nodes/local/hypervisors', (route) => route.fulfill({ json }));
  try {
    let pictures = 0;
    suite.page.on('response', (answer) => (pictures += answer.url().endsWith('/screenshot') ? 1 : 0));
    await suite.page.goto('/vms/100?tab=console');
    await suite.page.getByText('Pictures of the screen every 2 s').waitFor();
    await suite.page.getByText('The extension pack is not there.').waitFor();
    await suite.page.locator('.nk-console__picture img').waitFor();
    assert.ok(await waitFor(() => pictures >= 3, { timeoutMs: 15_000, pollMs: 100 }), 'new pictures come by themselves');
    const keys: unknown[] = [];
    suite.page.on(
      'request',
      (request) => request.url().endsWith('/vms/100/keys') && keys.push(...(request.postDataJSON() as { keys: [] }).keys),
    );
    await suite.page.locator('.nk-console__picture').focus();
    await suite.page.keyboard.press('Shift+A');
    await button('Alt').click();
    await suite.page.keyboard.press('F2');
    await button('Ctrl+Alt+Del').click();
    await waitFor(() => keys.length === 3, { timeoutMs: 10_000, pollMs: 20 });
    assert.deepEqual(keys, ['shift-a', 'alt-f2', 'ctrl-alt-delete']);
    assert.deepEqual(await accessibilityFaults(suite.page), []);
  } finally {
    await suite.page.unroute('**/api/v1/nodes/local/hypervisors');
  }
});

test('a daemon that is gone is named as what is broken, and the screen comes back with it', async () => {
  await openScreen();
  await suite.daemon.kill();
  await brokenHop('Daemon').waitFor();
  await suite.page.getByRole('heading', { name: 'The daemon does not answer.' }).waitFor();
  assert.deepEqual(await accessibilityFaults(suite.page), []);
  await suite.daemon.restart();
  await drawn();
});

test('a refusal inside the WebSocket is told with its words, and tried again', async () => {
  let refusals = 0;
  await suite.page.routeWebSocket(/\/vnc\?/u, (socket) => {
    if (refusals > 0) return void socket.connectToServer();
    refusals += 1;
    socket.send(JSON.stringify({ code: 'hypervisor.timeout', message: 'QEMU does not answer.', hint: 'Look at it.' }));
    void socket.close({ code: 4000, reason: 'hypervisor.timeout' });
  });
  await suite.page.goto('/vms/100?tab=console');
  await brokenHop('Hypervisor').waitFor();
  await suite.page.getByText('QEMU does not answer. Look at it.').waitFor();
  await drawn();
});

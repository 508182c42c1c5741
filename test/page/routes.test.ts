import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import type { Page } from 'playwright-core';

import { accessibilityFaults } from '../support/axe.ts';
import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { makeExampleInventory } from '../support/fake-inventory.ts';
import { type PageBrowser, openPageBrowser } from '../support/page-browser.ts';

/** Every address of the page, and something that is there when it shows what it should. */
const routes: readonly (readonly [path: string, shown: string])[] = [
  ['/', 'h1'],
  ['/vms', '.nk-vms__vm'],
  ['/vms?q=tag:prod', '.nk-vms__vm'],
  ['/vms?q=nothing-like-it', '.nk-screen h2'],
  ['/vms/100', '.nk-screenshot'],
  ['/vms/100?tab=hardware', 'table'],
  ['/vms/100?tab=hardware&edit=memory', '#edit-memoryMiB'],
  ['/vms/100?tab=network', 'h2'],
  ['/vms/100?tab=options', 'table'],
  ['/vms/100?tab=console', '.nk-console canvas'],
  ['/vms/100?tab=console&console=serial', '.nk-console .xterm-rows'],
  ['/vms/101?tab=console', '.nk-console h2'],
  ['/vms/100/console', '.nk-console canvas'],
  ['/vms/100?tab=snapshots', '.nk-snapshot--now'],
  ['/vms/100?tab=tasks', '.nk-plain-list'],
  ['/vms/999', 'h1'],
  ['/vms/new', '#new-hypervisor'],
  ...['compute', 'automation', 'review'].map((step) => [`/vms/new?step=${step}`, 'h2'] as const),
  ['/vms/new?mode=express', '#new-hypervisor'],
  ['/tour', '.nk-tour'],
  ['/networks', 'h1'],
  ['/tasks', 'table'],
  ['/host', 'table'],
  ['/no/such/screen', 'h1'],
];
const desktop = { width: 1280, height: 800 };
const phone = { width: 390, height: 844 };

let daemon: DaemonProcess;
let browser: PageBrowser;
before(async () => {
  daemon = await startDaemon({ hypervisors: 'fake' });
  await makeExampleInventory(daemon);
  browser = await openPageBrowser(daemon);
});
after(async () => {
  await browser?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});

async function check(page: Page): Promise<void> {
  const faults: string[] = [];
  for (const [path, shown] of routes) {
    await page.goto(path);
    await page.locator(shown).first().waitFor();
    faults.push(...(await accessibilityFaults(page)).map((fault) => `${path}: ${fault}`));
    const wider = await page.evaluate<boolean>('document.documentElement.scrollWidth > document.documentElement.clientWidth');
    if (wider) faults.push(`${path}: the page is wider than its window`);
  }
  assert.deepEqual(faults, []);
  assert.deepEqual(browser.faults, []);
}

for (const [name, viewport, language, theme] of [
  ['a desktop, English, light', desktop, 'en', 'light'],
  ['a desktop, Indonesian, dark', desktop, 'id', 'dark'],
  ['a phone, Indonesian, light', phone, 'id', 'light'],
  ['a phone, English, dark', phone, 'en', 'dark'],
] as const) {
  test(`every screen keeps WCAG 2.2 AA: ${name}`, async () => {
    await using session = await browser.open({ viewport, password: daemon.password ?? '' });
    await session.page.addInitScript(`localStorage.setItem('language', '${language}'); localStorage.setItem('theme', '${theme}');`);
    await session.page.goto('/');
    await session.page.locator(`html[lang=${language}]`).waitFor();
    await check(session.page);
  });
}

test('the way in keeps WCAG 2.2 AA, and says what is wrong with a password', async () => {
  await using session = await browser.open();
  const { page } = session;
  assert.deepEqual(await accessibilityFaults(page), []);
  await page.locator('#password').fill('wrong');
  await page.locator('form button[type=submit]').click();
  await page.locator('.pf-v6-c-alert').waitFor();
  assert.equal(await page.locator('#password').inputValue(), 'wrong');
  assert.deepEqual(await accessibilityFaults(page), []);
});

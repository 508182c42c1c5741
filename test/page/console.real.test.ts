import assert from 'node:assert/strict';
import { after, before, test, type TestContext } from 'node:test';

import { waitFor } from '@nakhoda/host';
import { usLayout } from '@nakhoda/schema';
import type { Page } from 'playwright-core';

import { consoleKeys } from '../../apps/web/src/console/console-keys.ts';
import { type DaemonProcess, startDaemon } from '../support/daemon-process.ts';
import { type PageBrowser, type PageSession, openPageBrowser } from '../support/page-browser.ts';

/** Screens, keyboards and serial ports of real guests in a real browser, from the canvas to what happens in the guest. */
let daemon: DaemonProcess;
let browser: PageBrowser;
let session: PageSession;
let page: Page;
const hypervisors = ['qemu', 'virtualbox'] as const;
/** VirtualBox's interpreter takes half a minute, more on a machine with other work. */
const bootLimitMs = 300_000;
const vmids: Record<string, number> = {};

before(async () => {
  daemon = await startDaemon({ hypervisors: hypervisors.join(',') });
  await Promise.all(
    hypervisors.map((hypervisor) =>
      daemon.json('vm', 'create', hypervisor, '--hypervisor', hypervisor, '--memory', '128', '--disk', '1', '--cdrom', 'tiny', '--start'),
    ),
  );
  for (const { name, vmid } of await daemon.client.call('vm.list')) vmids[name] = vmid;
  browser = await openPageBrowser(daemon);
  session = await browser.open({ password: daemon.password ?? '' });
  page = session.page;
  page.setDefaultTimeout(60_000);
  for (const vm of hypervisors) {
    const answers = async (): Promise<boolean> => (await daemon.cli(['vm', 'exec', vm, '--', 'true'])).exitCode === 0;
    assert.ok(await waitFor(answers, { timeoutMs: bootLimitMs, pollMs: 500 }), `the guest of ${vm} answers`);
  }
});
after(async () => {
  await session?.[Symbol.asyncDispose]();
  await browser?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
});

interface Comparison {
  readonly width: number;
  readonly height: number;
  /** Pixels that are not dark, on the canvas. */
  readonly lit: number;
  /** Pixels that are dark on one of them and not on the other; all of them when the sizes differ. */
  readonly different: number;
}

/** Compares the canvas with a picture that the daemon takes now: as text is seen, light on dark. */
const compareWithScreenshot = (vm: string) =>
  page.evaluate<Comparison>(`(async () => {
    const canvas = document.querySelector('.nk-console canvas');
    const { width, height } = canvas;
    const answer = await fetch('/api/v1/vms/${vmids[vm]}/screenshot');
    const picture = await createImageBitmap(await answer.blob());
    const other = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
    other.drawImage(picture, 0, 0);
    if (width * height === 0 || picture.width !== width || picture.height !== height)
      return { width, height, lit: 0, different: picture.width * picture.height };
    const isLit = (pixels, at) => Math.max(pixels[at], pixels[at + 1], pixels[at + 2]) > 64;
    const shown = canvas.getContext('2d').getImageData(0, 0, width, height).data;
    const taken = other.getImageData(0, 0, width, height).data;
    let lit = 0, different = 0;
    for (let at = 0; at < shown.length; at += 4) {
      if (isLit(shown, at)) lit += 1;
      if (isLit(shown, at) !== isLit(taken, at)) different += 1;
    }
    return { width, height, lit, different };
  })()`);

/** Presses the keys of a US keyboard that give a text, with Shift where a hand would press it. */
async function typeKeys(text: string): Promise<void> {
  const codes = new Map(consoleKeys.map(({ name, code }) => [name, code]));
  const presses = new Map([
    [' ', 'Space'],
    ['\n', 'Enter'],
    ...usLayout.flatMap(([key, alone, shifted]): [string, string][] => [
      [alone, codes.get(key) ?? ''],
      [shifted, `Shift+${codes.get(key) ?? ''}`],
    ]),
  ]);
  for (const character of text) await page.keyboard.press(presses.get(character) ?? '', { delay: 20 });
}

/** Waits until a command in the guest prints what is expected. */
async function untilPrinted(vm: string, command: readonly string[], expected: string): Promise<void> {
  let seen = '';
  await waitFor(
    async () => {
      seen = (await daemon.cli(['vm', 'exec', vm, '--', ...command])).stdout;
      return seen === expected;
    },
    { timeoutMs: 60_000, pollMs: 200 },
  );
  assert.equal(seen, expected);
}

for (const vm of hypervisors) {
  test(`${vm}: the Console tab shows a booted screen, and what is typed on it arrives`, async (t: TestContext) => {
    await page.goto(`/vms/${vmids[vm]}?tab=console`);
    await page.locator('.nk-console canvas').waitFor();
    let seen: Comparison | null = null;
    // A blinking cursor is 16 by 9 pixels.
    const same = async (): Promise<boolean> => {
      seen = await compareWithScreenshot(vm);
      return seen.lit > 500 && seen.different < 300;
    };
    assert.ok(await waitFor(same, { timeoutMs: 60_000, pollMs: 200 }), JSON.stringify(seen));
    t.diagnostic(`${vm}: ${JSON.stringify(seen)}`);

    await page.locator('.nk-console canvas').click();
    await typeKeys('echo "Selamat Datang; 100%" >/tmp/typed\n');
    await untilPrinted(vm, ['cat', '/tmp/typed'], 'Selamat Datang; 100%\n');
    assert.deepEqual(browser.faults, []);
  });

  test(`${vm}: the serial console is typed into, and its answer is read`, async () => {
    await page.goto(`/vms/${vmids[vm]}?tab=console&console=serial`);
    await page.locator('.nk-console .xterm-rows').waitFor();
    await page.locator('.xterm-helper-textarea').focus();
    await page.keyboard.type('\necho "answer: $((40+2))"\n');
    await page.locator('.nk-console .xterm-rows').getByText('answer: 42').waitFor();
    assert.deepEqual(browser.faults, []);
  });
}

test('a QEMU that hangs is named as what is broken, and the screen comes back when it goes on', async () => {
  const { pid } = await daemon.client.call('vm.show', { params: { vm: 'qemu' } });
  assert.ok(pid);
  await page.goto(`/vms/${vmids['qemu']}?tab=console`);
  await page.locator('.nk-console canvas').waitFor();
  process.kill(pid, 'SIGSTOP');
  try {
    await page.getByRole('button', { name: 'More' }).last().click();
    await page.getByRole('menuitem', { name: 'Connect anew' }).click();
    await page.locator('.nk-hop--broken', { hasText: 'Hypervisor' }).waitFor();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await page.locator('.nk-console canvas').waitFor();
  assert.ok(await waitFor(async () => (await compareWithScreenshot('qemu')).lit > 500, { timeoutMs: 30_000, pollMs: 200 }));
});

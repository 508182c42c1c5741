import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium, type BrowserContextOptions, type Page } from 'playwright-core';

import type { DaemonProcess } from './daemon-process.ts';

/** Debian's and Ubuntu's package; nothing that playwright would download. */
const chromiumPath = '/usr/bin/chromium';

/** A real browser in the network namespace of a daemon: it reaches nothing but that. */
export interface PageBrowser {
  /** A new page with cookies and storage of its own, logged in where `password` is given. */
  open(options?: BrowserContextOptions & { password?: string; path?: string }): Promise<PageSession>;
  /** What went wrong in its pages: errors in scripts, and what the content security policy refused. */
  readonly faults: string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** A page in a window of its own. */
export interface PageSession {
  readonly page: Page;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openPageBrowser(daemon: DaemonProcess): Promise<PageBrowser> {
  const folder = await mkdtemp(join(tmpdir(), 'nkb-'));
  const wrapper = join(folder, 'chromium');
  // The browser is started by playwright, which knows of no namespaces, but takes any program for one.
  const words = daemon.enter([chromiumPath]).map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`);
  await writeFile(wrapper, `#!/bin/sh\nexec ${words.join(' ')} "$@"\n`);
  await chmod(wrapper, 0o755);
  const browser = await chromium.launch({
    executablePath: wrapper,
    // Root has no sandbox of Chromium's; there is no GPU, and /dev/shm may be small.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run'],
  });
  const faults: string[] = [];
  return {
    faults,
    async open({ password, path = '/', ...options } = {}) {
      const context = await browser.newContext({
        ignoreHTTPSErrors: true,
        baseURL: await daemon.url(),
        viewport: { width: 1280, height: 800 },
        locale: 'en-GB',
        ...options,
      });
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      page.on('pageerror', (error) => faults.push(`${page.url()}: ${error.message}`));
      page.on('console', (message) => {
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
          faults.push(message.text().split('\n')[0] ?? '');
      });
      await page.goto(path);
      if (password !== undefined) {
        await page.locator('#password').fill(password);
        await page.locator('form button[type=submit]').click();
        await page.locator('.nk-masthead').waitFor();
      }
      return { page, [Symbol.asyncDispose]: () => context.close() };
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

import { after, before, beforeEach } from 'node:test';

import type { BrowserContextOptions, Page } from 'playwright-core';

import { type DaemonProcess, startDaemon } from './daemon-process.ts';
import { type PageBrowser, openPageBrowser } from './page-browser.ts';

export interface PageSuite {
  readonly daemon: DaemonProcess;
  readonly browser: PageBrowser;
  /** Logged in; the same for all tests of the file. */
  readonly page: Page;
}

/**
 * For all tests of a file: a daemon with the `fake` driver, prepared by `make`, and a page that is logged in. Faults of the page
 * are forgotten before each test. What it gives is there once the tests run.
 */
export function pageSuite(
  make: (daemon: DaemonProcess) => Promise<void> = async () => undefined,
  options: BrowserContextOptions = {},
): PageSuite {
  const stack = new AsyncDisposableStack();
  let suite: PageSuite | null = null;
  before(async () => {
    const daemon = stack.use(await startDaemon({ hypervisors: 'fake' }));
    await make(daemon);
    const browser = stack.use(await openPageBrowser(daemon));
    const { page } = stack.use(await browser.open({ ...options, password: daemon.password ?? '' }));
    suite = { daemon, browser, page };
  });
  after(() => stack.disposeAsync());
  beforeEach(() => suite?.browser.faults.splice(0));
  const there = (): PageSuite => {
    if (suite === null) throw new Error('The suite is there once its tests run.');
    return suite;
  };
  return {
    get daemon() {
      return there().daemon;
    },
    get browser() {
      return there().browser;
    },
    get page() {
      return there().page;
    },
  };
}

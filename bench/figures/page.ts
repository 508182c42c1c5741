import type { Page } from 'playwright-core';

import { startDaemon, type DaemonProcess } from '../../test/support/daemon-process.ts';
import { openPageBrowser, type PageBrowser } from '../../test/support/page-browser.ts';
import { median } from '../figure.ts';
import type { FigureRow } from '../figure.ts';
import { doTask, makeVms } from '../support/make-vms.ts';

const many = 2000;
const loads = 7;
const changes = 10;
const framesOfAScroll = 300;
const replayedChanges = 600;

/** The web page with 2,000 VMs of the `fake` driver, in headless Chromium on this machine. */
export async function page(): Promise<FigureRow[]> {
  await using daemon = await startDaemon({ hypervisors: 'fake' });
  const vms = Array.from({ length: many }, (_, index) => ({ name: `vm-${index}`, hypervisor: 'fake' as const, tags: [`t${index % 20}`] }));
  await makeVms(daemon, vms, 4);
  await using browser = await openPageBrowser(daemon);
  return [
    ...(await firstLoads(daemon, browser)),
    ...(await scrolling(daemon, browser)),
    ...(await stateChanges(daemon, browser)),
    ...(await memory(daemon, browser)),
    {
      name: "daemon's work for 20 open pages at 2 s metrics",
      value: null,
      unit: '% of a core',
      note: 'The event stream carries no metrics yet.',
    },
  ];
}

/** Cold caches each time: a new window, which has only the cookie of its login. */
async function firstLoads(daemon: DaemonProcess, browser: PageBrowser): Promise<FigureRow[]> {
  await using login = await browser.open({ password: daemon.password ?? '' });
  const storageState = await login.page.context().storageState();
  const bytes: number[] = [];
  const times: number[] = [];
  for (let load = 0; load < loads; load += 1) {
    await using session = await browser.open({ storageState, path: 'about:blank' });
    let transferred = 0;
    session.page.on('requestfinished', (request) => {
      if (new URL(request.url()).pathname.startsWith('/api/')) return;
      void request.sizes().then((sizes) => (transferred += sizes.responseBodySize));
    });
    await session.page.goto('/vms', { waitUntil: 'commit' });
    await session.page.locator('.nk-vms__vm').first().waitFor();
    times.push(await session.page.evaluate<number>('performance.now()'));
    await session.page.waitForLoadState('load');
    bytes.push(transferred / 1000);
  }
  return [
    {
      name: 'first load of the page, compressed',
      value: median(bytes),
      unit: 'KB',
      limit: { of: 'value', atMost: 500 },
      note: 'All that the list of VMs needs but the API.',
    },
    {
      name: `the list of ${many} VMs can be used`,
      value: median(times),
      unit: 'ms',
      limit: { of: 'value', atMost: 1500 },
      note: `From the navigation to the rows, caches cold; median of ${loads}, the longest ${Math.round(Math.max(...times))} ms.`,
    },
  ];
}

async function scrolling(daemon: DaemonProcess, browser: PageBrowser): Promise<FigureRow[]> {
  await using session = await browser.open({ password: daemon.password ?? '' });
  await session.page.goto('/vms');
  await session.page.locator('.nk-vms__vm').first().waitFor();
  await session.page.locator('.nk-tree__row').nth(5).waitFor();
  return [
    frameRow('list', await longestFrames(session.page, '.nk-vms__rows')),
    frameRow('tree', await longestFrames(session.page, '.nk-tree__rows')),
  ];
}

function frameRow(what: string, frames: readonly number[]): FigureRow {
  return {
    name: `longest frame while the ${what} of ${many} VMs scrolls`,
    value: Math.max(...frames),
    unit: 'ms',
    limit: { of: 'value', atMost: 50 },
    note: `Of ${frames.length} frames, 120 pixels each; the middle one took ${median(frames).toFixed(1)} ms.`,
  };
}

/** Milliseconds between frames while an element is scrolled a little with each. */
function longestFrames(shown: Page, selector: string): Promise<number[]> {
  return shown.evaluate<number[]>(`new Promise((resolve) => {
    const element = document.querySelector(${JSON.stringify(selector)});
    const frames = [];
    let last = null;
    const step = (now) => {
      if (last !== null) frames.push(now - last);
      last = now;
      element.scrollBy(0, 120);
      if (frames.length < ${framesOfAScroll}) requestAnimationFrame(step);
      else resolve(frames);
    };
    requestAnimationFrame(step);
  })`);
}

async function stateChanges(daemon: DaemonProcess, browser: PageBrowser): Promise<FigureRow[]> {
  await using session = await browser.open({ password: daemon.password ?? '' });
  await session.page.goto('/vms?q=name:vm-0');
  await session.page.locator('.nk-vms__vm').first().waitFor();
  const delays: number[] = [];
  for (let round = 0; round < changes; round += 1) {
    const [verb, state] = round % 2 === 0 ? (['vm.start', 'running'] as const) : (['vm.stop', 'stopped'] as const);
    const shownAt = session.page.evaluate<number>(`new Promise((resolve) => {
      const look = () => document.querySelector('.nk-vms__vm .nk-state--${state}') !== null && (resolve(Date.now()), observer.disconnect());
      const observer = new MutationObserver(look);
      observer.observe(document.body, { subtree: true, childList: true, attributes: true });
    })`);
    await doTask(daemon, await daemon.client.call(verb, { params: { vm: 'vm-0' } }));
    const { observedAt } = await daemon.client.call('vm.show', { params: { vm: 'vm-0' } });
    delays.push((await shownAt) - Date.parse(observedAt));
  }
  return [
    {
      name: 'from a change of state observed to its showing',
      value: median(delays),
      unit: 'ms',
      limit: { of: 'value', atMost: 300 },
      note: `Median of ${changes} with ${many} VMs in the list, the longest ${Math.max(...delays)} ms.`,
    },
  ];
}

/** The heap of the page after many changes, against before; the garbage collected both times. */
async function memory(daemon: DaemonProcess, browser: PageBrowser): Promise<FigureRow[]> {
  await using session = await browser.open({ password: daemon.password ?? '' });
  await session.page.goto('/vms');
  await session.page.locator('.nk-vms__vm').first().waitFor();
  const chrome = await session.page.context().newCDPSession(session.page);
  const heapMB = async (): Promise<number> => {
    await chrome.send('HeapProfiler.collectGarbage');
    const { usedSize } = (await chrome.send('Runtime.getHeapUsage')) as { usedSize: number };
    return usedSize / 1e6;
  };
  const change = async (count: number): Promise<void> => {
    for (let round = 0; round < count; round += 1) {
      const vm = `vm-${Math.floor(round / 2) % 50}`;
      await doTask(daemon, await daemon.client.call(round % 2 === 0 ? 'vm.start' : 'vm.stop', { params: { vm } }));
    }
  };
  // What is kept of tasks has to be full before.
  await change(400);
  const before = await heapMB();
  await change(replayedChanges);
  const after = await heapMB();
  return [
    {
      name: `heap of the page after ${replayedChanges} changes of state`,
      value: after,
      unit: 'MB',
      against: `${before.toFixed(1)} MB before`,
      ratio: after / before,
      limit: { of: 'ratio', atMost: 1.1 },
      note: 'Each with its task: an hour of a busy host, as fast as the daemon carries it out.',
    },
  ];
}

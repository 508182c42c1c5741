// Makes docs/screenshots: every screen, light and dark, of a daemon with the `fake` driver. `node scripts/screenshots.ts [TEXT…]`
// makes those whose name contains one of the texts.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { startDaemon } from '../test/support/daemon-process.ts';
import { makeExampleInventory } from '../test/support/fake-inventory.ts';
import { openPageBrowser } from '../test/support/page-browser.ts';

/** Name, address, and something that is there when the screen is whole. */
const screens: readonly (readonly [name: string, path: string, shown: string])[] = [
  ['overview', '/', '.pf-v6-c-card'],
  ['vms', '/vms', '.nk-vms__vm'],
  ['vm-summary', '/vms/100', '.nk-screenshot'],
  ['vm-console', '/vms/100?tab=console&console=serial', '.nk-console .xterm-rows span'],
  ['vm-snapshots', '/vms/100?tab=snapshots', '.nk-snapshot--now'],
  ['networks', '/networks', 'h1'],
  ['tasks', '/tasks', 'table'],
  ['host', '/host', 'table'],
];

const folder = fileURLToPath(new URL('../docs/screenshots', import.meta.url));
const texts = process.argv.slice(2);
await mkdir(folder, { recursive: true });
await using daemon = await startDaemon({ hypervisors: 'fake' });
await makeExampleInventory(daemon);
await using browser = await openPageBrowser(daemon);
for (const theme of ['light', 'dark'] as const) {
  await using session = await browser.open({ password: daemon.password ?? '', colorScheme: theme });
  for (const [name, path, shown] of screens) {
    if (texts.length > 0 && !texts.some((text) => name.includes(text))) continue;
    await session.page.goto(path);
    await session.page.locator(shown).first().waitFor();
    await session.page.locator('.nk-connection--live').waitFor();
    await session.page.evaluate('document.fonts.ready');
    await session.page.screenshot({ path: join(folder, `${name}-${theme}.png`) });
    process.stdout.write(`${name}-${theme}.png\n`);
  }
}
for (const fault of browser.faults) process.stderr.write(`${fault}\n`);
process.exitCode = browser.faults.length === 0 ? 0 : 1;

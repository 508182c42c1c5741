import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import { waitFor } from '@nakhoda/host';

import { rejection, rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';
import { readPng } from './read-png.ts';
import { countColours, RfbViewer } from './rfb-viewer.ts';

/** The running machine's screen and keyboard; the tiny guest has a shell on its first virtual terminal. */
export async function display(t: TestContext, bench: Bench): Promise<void> {
  await viewing(t, bench);
  await typing(t, bench);
}

/** Opens a viewer of the machine's screen. */
export async function openViewer({ driver, ctx, vmid, limits }: Bench): Promise<RfbViewer> {
  assert.ok(driver.vnc, 'the driver has no VNC facet');
  return RfbViewer.open(await driver.vnc.open(ctx, { vmid }), limits.call);
}

async function viewing(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { boot, call } = bench.limits;

  if (driver.vnc) {
    await bench.promise(t, 'a VNC connection speaks RFB 3.8, lets its viewer in, and shows the whole screen', boot + call, async () => {
      await bench.running();
      const viewer = await openViewer(bench);
      const frame = await viewer.frame();
      viewer.close();
      assert.ok(countColours(frame) >= 2, `the screen of ${frame.width} by ${frame.height} pixels shows nothing`);
    });

    await bench.promise(
      t,
      'two viewers at once see the same screen, and one that leaves does not disturb the other',
      call * 2,
      async () => {
        const first = await openViewer(bench);
        const second = await openViewer(bench);
        const [one, other] = [await first.frame(), await second.frame()];
        assert.deepEqual([one.width, one.height], [other.width, other.height]);
        first.close();
        const later = await second.frame();
        second.close();
        assert.deepEqual([later.width, later.height], [one.width, one.height]);
        assert.ok(countColours(later) >= 2);
      },
    );
  }

  const { screen } = driver;
  if (!screen) return;
  await bench.promise(t, "a screenshot is a PNG image of the screen's size, with a picture", boot + call, async () => {
    await bench.running();
    const png = readPng(await screen.screenshot(ctx, { vmid }));
    assert.ok(!png.isBlank, `the picture of ${png.width} by ${png.height} pixels shows nothing`);
    if (!driver.vnc) return;
    const viewer = await openViewer(bench);
    const { width, height } = await viewer.frame();
    viewer.close();
    assert.deepEqual([png.width, png.height], [width, height]);
  });
}

async function typing(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { boot, call, exec } = bench.limits;
  const { keyboard } = driver;
  if (!keyboard || !driver.guest) return;

  /** What a command that was typed left in a file of the guest. */
  const arrives = async (path: string, expected: string): Promise<void> => {
    let seen = '';
    const read = async (): Promise<boolean> => {
      seen = (await bench.run(['cat', path])).stdout.toString('utf8');
      return seen === expected;
    };
    await waitFor(read, { timeoutMs: exec * 1000, pollMs: 200 });
    assert.equal(seen, expected, 'what arrived in the guest');
  };

  await bench.promise(t, 'typed text arrives in the guest, capitals and signs too', boot + call * 2 + exec * 2, async () => {
    await bench.running();
    const text = 'Jl. "Merdeka" No. 7 ~!@#$%^&*()_+{}|:<>?[]\\;,/=-';
    await keyboard.typeText(ctx, { vmid, text: `echo '${text}' >/tmp/typed\n` });
    await arrives('/tmp/typed', `${text}\n`);
  });

  await bench.promise(t, 'key combinations arrive in the guest, in their order', call * 3 + exec * 2, async () => {
    await keyboard.typeText(ctx, { vmid, text: 'echo lost ' });
    await keyboard.sendKeys(ctx, { vmid, keys: ['ctrl-c', 'e', 'c', 'h', 'o', 'space', 'shift-k'] });
    await keyboard.typeText(ctx, { vmid, text: 'ept >/tmp/keys' });
    await keyboard.sendKeys(ctx, { vmid, keys: ['enter'] });
    await arrives('/tmp/keys', 'Kept\n');
  });

  await bench.promise(t, 'what cannot be typed is refused by name, and nothing of it is typed', call * 2 + exec * 2, async () => {
    const untypable = await rejection(keyboard.typeText(ctx, { vmid, text: 'echo kopi für drei ☕ >/tmp/refused\n' }), 'typeText');
    assert.equal(untypable.code, 'keyboard.untypable');
    assert.match(untypable.message, /ü.*☕/u);
    const noKey = await rejection(keyboard.sendKeys(ctx, { vmid, keys: ['a', 'ctrl-alt-foo'] }), 'sendKeys');
    assert.equal(noKey.code, 'keyboard.unknown-key');
    assert.match(noKey.message, /foo/u);
    await keyboard.typeText(ctx, { vmid, text: 'echo clean >/tmp/clean\n' });
    await arrives('/tmp/clean', 'clean\n');
    assert.notEqual((await bench.run(['ls', '/tmp/refused'])).exitCode, 0, 'part of a refused text was typed');
    await bench.run(['rm', '-f', '/tmp/typed', '/tmp/keys', '/tmp/clean']);
  });
}

/** A machine that does not run has neither screen nor keyboard. */
export async function displayOfStopped(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  if (!driver.vnc && !driver.screen && !driver.keyboard) return;
  await bench.promise(t, 'of a VM that does not run: guest.not-running', bench.limits.call * 2, async () => {
    await bench.stopped();
    if (driver.vnc) await rejectsWith('guest.not-running', driver.vnc.open(ctx, { vmid }), 'vnc.open');
    if (driver.screen) await rejectsWith('guest.not-running', driver.screen.screenshot(ctx, { vmid }), 'screenshot');
    if (!driver.keyboard) return;
    await rejectsWith('guest.not-running', driver.keyboard.sendKeys(ctx, { vmid, keys: ['a'] }), 'sendKeys');
    await rejectsWith('guest.not-running', driver.keyboard.typeText(ctx, { vmid, text: 'a' }), 'typeText');
  });
}

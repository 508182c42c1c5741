import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { machineSpec, testContext } from '@nakhoda/driver/contract';
import { terminate, waitFor } from '@nakhoda/host';

import { startDisplay } from '../../drivers/virtualbox/src/display.ts';
import { frontEndCommand } from '../../drivers/virtualbox/src/front-end.ts';
import { hardwareSupport } from '../../drivers/virtualbox/src/hardware.ts';
import { xvfbProgram } from '../../drivers/virtualbox/src/host-facts.ts';
import { MachineLogReader } from '../../drivers/virtualbox/src/machine-log.ts';
import { machineFilePath } from '../../drivers/virtualbox/src/register.ts';
import { makeRealHost } from '../../drivers/virtualbox/src/testing/real-host.ts';
import { median, timed } from '../figure.ts';
import type { FigureRow } from '../figure.ts';

const rounds = 7;

/**
 * How long the driver takes to start a VirtualBox VM, against VirtualBox's front end started by hand on a display that
 * is there already; both until the VM's log says that the guest runs. In the interpreter.
 */
export async function startVirtualbox(): Promise<FigureRow[]> {
  const ctx = testContext();
  const host = await makeRealHost();
  const driver = host.makeDriver({ log: () => undefined });
  try {
    const vmid = 100;
    const spec = await machineSpec({ folder: host.folder, vmid, diskFormat: 'vdi', hardware: hardwareSupport('interpreter'), cdrom: null });
    await driver.define(ctx, { spec });
    const stop = (): Promise<void> => driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
    const runtimeFolder = join(host.folder, 'run', 'by-hand');
    await mkdir(runtimeFolder, { mode: 0o700, recursive: true });
    await host.account.handOver(runtimeFolder);
    const log = join(machineFilePath(spec), '../Logs/VBox.log');

    /** Milliseconds of the front end alone. */
    const byHand = async (): Promise<number> => {
      const env = host.programEnvironment();
      const display = await startDisplay({
        command: (args) => host.account.command(xvfbProgram, args),
        handOver: (path) => host.account.handOver(path),
        env,
        logPath: join(runtimeFolder, 'display.log'),
        authorityPath: join(runtimeFolder, 'authority'),
        signal: ctx.signal,
      });
      const { program, args } = frontEndCommand(spec.uuid, 'interpreter');
      const [first = '', ...rest] = await host.account.command(program, args);
      const logs = new MachineLogReader();
      const since = performance.now();
      const child = spawn(first, rest, {
        stdio: 'ignore',
        env: { ...process.env, ...env, ...display.env, XDG_RUNTIME_DIR: runtimeFolder },
      });
      const ended = once(child, 'exit');
      const runs = async (): Promise<boolean> => {
        const { pid, state } = await logs.read(log);
        return pid === child.pid && state === 'Running';
      };
      if (!(await waitFor(runs, { timeoutMs: 60_000, pollMs: 10 }))) throw new Error('The front end did not start the VM.');
      const took = performance.now() - since;
      await host.vboxManage(['controlvm', spec.uuid, 'poweroff']);
      await ended;
      await terminate(display.process, { graceMs: 2000 });
      return took;
    };

    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      ours.push(await timed(() => driver.start(ctx, { vmid })));
      await stop();
      theirs.push(await byHand());
      await stop();
    }
    await driver.undefine(ctx, { vmid });
    const hand = median(theirs);
    return [
      {
        ...{ name: 'VirtualBox: start, from the call of the driver to running', value: median(ours), unit: 'ms' },
        ...{ against: `${Math.round(hand)} ms, its front end by hand, on a display that is there already`, ratio: median(ours) / hand },
        note: `Medians of ${rounds}, in turns. What the driver adds is the display (Xvfb) and a call of VBoxManage that ties the NICs.`,
      },
    ];
  } finally {
    await driver.close();
    await host.leftovers();
    await host.dispose();
  }
}

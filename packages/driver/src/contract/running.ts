import assert from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { processRef } from '@nakhoda/host';

import { rejection, rejectsWith } from './assertions.ts';
import type { Bench } from './bench.ts';
import { EventLog } from './event-log.ts';

/** The first start. Leaves the machine running with the tiny guest booted. */
export async function running(t: TestContext, bench: Bench): Promise<void> {
  const { driver, ctx, vmid } = bench;
  const { boot, call, event } = bench.limits;

  await bench.promise(t, 'a start that fails leaves the VM stopped with the reason', call * 3, async () => {
    const template = await bench.harness.spec();
    assert.ok(template.cdrom, 'the harness gives a VM with a CD');
    const cdrom = join(template.directory, 'gone.iso');
    await copyFile(template.cdrom, cdrom);
    await driver.define(ctx, { spec: { ...template, cdrom } });
    await rm(cdrom);
    const error = await rejection(driver.start(ctx, { vmid: template.vmid }), 'start without its CD image');
    assert.ok(['vm.start-failed', 'storage.volume-not-found'].includes(error.code), `the code is ${error.code}`);
    const status = await driver.inspect(ctx, { vmid: template.vmid });
    assert.equal(status?.state, 'stopped');
    assert.ok(status.reason, 'no reason');
    await driver.undefine(ctx, { vmid: template.vmid });
  });

  await bench.promise(
    t,
    'start brings the VM to running, also when its runtime folder was lost, and a state event comes within 1 s',
    call + boot,
    async () => {
      const log = new EventLog(driver);
      await bench.stopped();
      // As after a reboot of the host.
      await rm(bench.spec.runtimeDirectory, { recursive: true, force: true });
      const mark = log.mark();
      await driver.start(ctx, { vmid });
      await log.waitForState(vmid, mark, event, 'start');
      await bench.expectState('running', 'after start');
      await log.stop(event);
    },
  );

  await bench.promise(t, 'a running VM tells its process, the start of its run, and how its guest is executed', call, async () => {
    const status = await bench.expectState('running', 'after start');
    assert.equal(status.uuid, bench.spec.uuid);
    assert.ok(status.execution, 'no execution');
    assert.notEqual(status.execution.reason.trim(), '', 'the execution has no reason');
    const age = Date.now() - Date.parse(status.startedAt ?? '');
    assert.ok(age >= 0 && age < (call + boot) * 1000, `startedAt is ${status.startedAt}`);
    if (status.pid !== undefined) assert.ok(processRef(status.pid), `there is no process ${status.pid}`);
  });

  await bench.promise(t, 'starting what runs succeeds and changes nothing', call, async () => {
    const before = await bench.status();
    await driver.start(ctx, { vmid });
    assert.deepEqual(await bench.status(), before);
  });

  await bench.promise(t, 'a running VM is not undefined, nor redefined otherwise', call, async () => {
    await rejectsWith('vm.wrong-state', driver.undefine(ctx, { vmid }), 'undefine');
    await driver.define(ctx, { spec: bench.spec });
    const other = { ...bench.spec, memoryMiB: bench.spec.memoryMiB + 16 };
    await rejectsWith('vm.wrong-state', driver.define(ctx, { spec: other }), 'define with other memory');
    await bench.expectState('running', 'after the refusals');
  });

  if (!driver.guest) return;
  await bench.promise(t, 'the guest boots and has what the spec says', boot + bench.limits.exec * 2, async () => {
    await bench.running();
    assert.equal(await bench.output(['nproc']), String(bench.spec.cores), 'cores');
    const total = /MemTotal:\s+(\d+) kB/u.exec(await bench.output(['cat', '/proc/meminfo']));
    const mebibytes = Number(total?.[1]) / 1024;
    // The kernel keeps some of it for itself; the 32 MiB of the redefinition are more than that.
    assert.ok(mebibytes > bench.spec.memoryMiB - 32 && mebibytes <= bench.spec.memoryMiB, `the guest has ${mebibytes} MiB`);
  });
}

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import type { Driver, GuestFacet, HotplugFacet, MachineSpec } from '@nakhoda/driver';
import { testContext } from '@nakhoda/driver/contract';

import type { QemuDriverOptions } from '../driver-options.ts';
import { QmpClient } from '../qmp/qmp-client.ts';
import { makeRealQemu, type RealQemu } from './real-qemu.ts';

/** A real VM for a test of its hardware, with the guest as the witness. Disposed of, nothing may be left of it. */
export class HardwareBench implements AsyncDisposable {
  readonly qemu: RealQemu;
  readonly ctx = testContext();
  driver: Driver;
  spec: MachineSpec;
  /** What the test made, and the driver therefore leaves. */
  readonly foreign: string[] = [];
  /** What the test did to the folders, and is undone before they are removed. */
  readonly undo = new AsyncDisposableStack();

  private constructor(qemu: RealQemu, driver: Driver, spec: MachineSpec) {
    this.qemu = qemu;
    this.driver = driver;
    this.spec = spec;
  }

  static async make(
    change: (spec: MachineSpec, qemu: RealQemu) => Promise<MachineSpec> | MachineSpec,
    options: Partial<QemuDriverOptions> = {},
  ): Promise<HardwareBench> {
    const qemu = await makeRealQemu(options);
    const driver = await qemu.makeDriver();
    return new HardwareBench(qemu, driver, await change(await qemu.spec(), qemu));
  }

  get guest(): GuestFacet {
    assert.ok(this.driver.guest);
    return this.driver.guest;
  }

  get hotplug(): HotplugFacet {
    assert.ok(this.driver.hotplug);
    return this.driver.hotplug;
  }

  get vmid(): number {
    return this.spec.vmid;
  }

  /** Defines and starts it, without waiting for the guest. */
  async start(): Promise<void> {
    await this.driver.define(this.ctx, { spec: this.spec });
    await this.driver.start(this.ctx, { vmid: this.vmid });
  }

  /** Waits for the guest; gives the seconds that it took. */
  async booted(seconds = 90): Promise<number> {
    const since = performance.now();
    assert.ok(await this.guest.ready(this.ctx, { vmid: this.vmid, timeoutSeconds: seconds }), `the guest is not there after ${seconds} s`);
    return (performance.now() - since) / 1000;
  }

  /** What a line of shell in the guest prints; it must succeed. */
  async shell(line: string, timeoutSeconds = 60): Promise<string> {
    let output = '';
    const collect = (data: Uint8Array): void => void (output += Buffer.from(data).toString());
    const { exitCode } = await this.guest.exec(this.ctx, {
      vmid: this.vmid,
      argv: ['sh', '-c', line],
      timeoutSeconds,
      onStdout: collect,
      onStderr: collect,
    });
    assert.equal(exitCode, 0, output);
    return output.trim();
  }

  /** Changes the running VM, and takes the new spec as its own; gives the fields that wait. */
  async change(changes: Partial<MachineSpec>): Promise<string[]> {
    const { pending } = await this.hotplug.change(this.ctx, { spec: { ...this.spec, ...changes } });
    if (pending.length === 0) this.spec = { ...this.spec, ...changes };
    return pending.map(({ field }) => field);
  }

  async powerOff(): Promise<void> {
    await this.driver.stop(this.ctx, { vmid: this.vmid, mode: 'poweroff', timeoutSeconds: 10 });
  }

  /** As a new daemon. */
  async restartDaemon(): Promise<void> {
    await this.driver.close();
    this.driver = await this.qemu.makeDriver();
  }

  /** Types of the VM's devices by their ids, as QEMU tells them; the driver lets go of QEMU meanwhile. */
  async deviceTypes(): Promise<Record<string, string>> {
    await this.driver.close();
    const qmp = await QmpClient.connect({ socketPath: join(this.spec.runtimeDirectory, 'qmp.sock'), timeoutMs: 5_000 });
    const devices = await qmp.execute('qom-list', { path: '/machine/peripheral' });
    qmp.close();
    this.driver = await this.qemu.makeDriver();
    return Object.fromEntries(devices.map(({ name, type }) => [name, /^child<(.*)>$/.exec(type)?.[1] ?? type]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      if (await this.driver.inspect(this.ctx, { vmid: this.vmid })) {
        await this.powerOff();
        await this.driver.undefine(this.ctx, { vmid: this.vmid });
      }
      await this.driver.close();
      for (const path of this.foreign) await rm(path, { recursive: true, force: true });
      assert.deepEqual(await this.qemu.leftovers(), []);
    } finally {
      await this.undo.disposeAsync();
      await this.qemu.dispose();
    }
  }
}

import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';

import type { Driver, GuestFacet, MachineSpec, MachineStatus, SnapshotFacet } from '../driver.ts';
import { type ContractHarness, type ContractLimits, defaultLimits } from './harness.ts';
import { type TestDriverContext, testContext } from './test-context.ts';

/** What a command in the guest did. */
export interface GuestRun {
  exitCode: number;
  stdout: Buffer;
  stderr: Buffer;
}

/**
 * The one machine that the whole suite works on, because a boot is dear: the chapters hand it on in the state
 * they leave it in. Each says first what it needs (`running`, `stopped`), which costs nothing where it is so.
 */
export class Bench {
  readonly harness: ContractHarness;
  readonly limits: ContractLimits;
  readonly ctx: TestDriverContext = testContext();
  driver: Driver;
  spec: MachineSpec;
  #bootFailure: string | undefined;

  constructor(harness: ContractHarness, driver: Driver, spec: MachineSpec) {
    this.harness = harness;
    this.limits = { ...defaultLimits, ...harness.limits };
    this.driver = driver;
    this.spec = spec;
  }

  get vmid(): number {
    return this.spec.vmid;
  }

  /** Runs one promise of the contract as a subtest. */
  async promise(t: TestContext, title: string, seconds: number, check: () => Promise<void>): Promise<void> {
    await t.test(title, { timeout: seconds * 1000 }, check);
  }

  async status(): Promise<MachineStatus> {
    const status = await this.driver.inspect(this.ctx, { vmid: this.vmid });
    assert.ok(status, `inspect: VM ${this.vmid} is defined, but the driver does not know it`);
    return status;
  }

  /** Fails unless `inspect` and `list` both tell this state. */
  async expectState(state: MachineStatus['state'], when: string): Promise<MachineStatus> {
    const status = await this.status();
    assert.equal(status.state, state, `${when}: state ${status.state} (${status.reason ?? 'no reason given'})`);
    const listed = (await this.driver.list(this.ctx)).filter((entry) => entry.vmid === this.vmid);
    assert.equal(listed.length, 1, `${when}: list has the VM ${listed.length} times`);
    assert.equal(listed[0]?.state, state, `${when}: list and inspect differ`);
    return status;
  }

  /** The guest's commands, once it answers: starts the VM when it does not run. A guest that did not boot is not waited for twice. */
  async running(): Promise<void> {
    if (this.#bootFailure) assert.fail(this.#bootFailure);
    await this.define();
    const { state } = await this.status();
    if (state !== 'running') await this.driver.start(this.ctx, { vmid: this.vmid });
    if (!this.driver.guest) return;
    const way = await this.driver.guest.ready(this.ctx, { vmid: this.vmid, timeoutSeconds: this.limits.boot });
    if (way !== null) return;
    this.#bootFailure = `the guest did not answer within ${this.limits.boot} s of the start`;
    assert.fail(this.#bootFailure);
  }

  async stopped(): Promise<void> {
    await this.define();
    const { state } = await this.status();
    if (state !== 'stopped') await this.powerOff();
  }

  async powerOff(): Promise<void> {
    await this.driver.stop(this.ctx, { vmid: this.vmid, mode: 'poweroff', timeoutSeconds: this.limits.call });
  }

  async define(): Promise<void> {
    if ((await this.driver.inspect(this.ctx, { vmid: this.vmid })) === null) await this.driver.define(this.ctx, { spec: this.spec });
  }

  get guest(): GuestFacet {
    assert.ok(this.driver.guest, 'the driver has no guest facet');
    return this.driver.guest;
  }

  get snapshots(): SnapshotFacet {
    assert.ok(this.driver.snapshots, 'the driver has no snapshot facet');
    return this.driver.snapshots;
  }

  async run(argv: readonly string[], options: { timeoutSeconds?: number } = {}): Promise<GuestRun> {
    const stdout: Uint8Array[] = [];
    const stderr: Uint8Array[] = [];
    const { exitCode } = await this.guest.exec(this.ctx, {
      vmid: this.vmid,
      argv,
      timeoutSeconds: options.timeoutSeconds ?? this.limits.exec,
      onStdout: (data) => void stdout.push(data),
      onStderr: (data) => void stderr.push(data),
    });
    return { exitCode, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) };
  }

  /** Standard output of a command in the guest that must succeed, without its last newline. */
  async output(argv: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(argv);
    assert.equal(exitCode, 0, `${argv.join(' ')} in the guest ended with ${exitCode}: ${stderr.toString('utf8')}`);
    return stdout.toString('utf8').replace(/\n$/u, '');
  }

  /** Runs a line of shell in the guest; fails when it does. */
  async shell(line: string): Promise<string> {
    return this.output(['sh', '-c', line]);
  }
}

import {
  createGuestAccess,
  createGuestAgent,
  createSerialShell,
  isAlive,
  Mutex,
  processRef,
  type ProcessRef,
  SerialHub,
  type StagedFile,
} from '@nakhoda/host';
import type { GuestAccess, GuestAgent } from '@nakhoda/host';
import type { DriverEvent, MachineSpec, MachineStatus } from '@nakhoda/driver';
import { setTimeout as delay } from 'node:timers/promises';

import { machinePaths } from './machine-paths.ts';
import type { DiskPlaces } from './layers.ts';
import { type BootRecord, type MachineRecord, placesOf, type RunRecord, stageBootRecord, writeBootRecord } from './machine-record.ts';
import { type Activity, deriveStatus, type DiskFaults, diskFaultsOf } from './machine-state.ts';
import { cleanUpRun, endsWithin, killOrphans, killQemu, readHowEnded, readLastWords, removeSockets } from './process.ts';
import type { RunState } from './qmp/commands.ts';
import { QmpClient } from './qmp/qmp-client.ts';
import { readSnapshots } from './snapshot-store.ts';
import { readSuspended, type SuspendRecord, writeSuspended } from './suspend-store.ts';
import { endTpm, findTpmOrphan } from './tpm.ts';

/** What is held of one run of a VM. */
interface Run {
  readonly record: RunRecord;
  readonly hub: SerialHub;
  qmp: QmpClient | null;
  /** Resolves after each try to connect to QMP, and at the end of the run. */
  progress: PromiseWithResolvers<void>;
  /** Resolves when the run is over and cleaned up, or was let go. */
  readonly over: Promise<void>;
  agent: GuestAgent;
  access: GuestAccess;
}

const greetingTimeoutMs = 1_500;

/**
 * One VM as this daemon knows it: its records, and while it runs its QMP connection, serial port and agent.
 * The process of a run is followed to its end, which tells a crash from an orderly one.
 */
export class Machine {
  record: MachineRecord;
  boot: BootRecord | null;
  activity: Activity | null = null;
  /** While true, nobody is told that the guest stands still or goes on: it is a matter of a moment. */
  quiet = false;
  /** One change of the VM at a time. */
  readonly turns = new Mutex();
  readonly #changed: (kind: DriverEvent['kind']) => void;
  readonly #connected: () => void;
  #run: Run | null = null;
  #finishing: Promise<void> | null = null;
  #released = false;
  #suspended: SuspendRecord | null = null;

  /** `connected` is called whenever a QEMU begins to answer. */
  constructor(record: MachineRecord, boot: BootRecord | null, changed: (kind: DriverEvent['kind']) => void, connected: () => void) {
    this.record = record;
    this.boot = boot;
    this.#changed = changed;
    this.#connected = connected;
  }

  get spec(): MachineSpec {
    return this.record.spec;
  }

  /** Where its images are. */
  get places(): DiskPlaces {
    return placesOf(this.record);
  }

  /** True while a QEMU process of this VM lives. */
  get alive(): boolean {
    return this.boot?.kind === 'run' && isAlive(this.boot.process);
  }

  /** MiB that the present run was powered on with; without one, what the next would be. */
  get baseMemoryMiB(): number {
    return (this.boot?.kind === 'run' ? this.boot.baseMemoryMiB : undefined) ?? this.spec.memoryMiB;
  }

  get hub(): SerialHub | null {
    return this.alive && this.#run && !this.#run.hub.closed ? this.#run.hub : null;
  }

  get guest(): GuestAccess | null {
    return this.hub && this.#run ? this.#run.access : null;
  }

  emit(kind: DriverEvent['kind']): void {
    this.#changed(kind);
  }

  async setBoot(boot: BootRecord | null): Promise<void> {
    await writeBootRecord(this.spec, boot);
    this.boot = boot;
  }

  /** As `setBoot`, in two halves: what takes time is done when this resolves, and the rest by `commit`. */
  async stageBoot(boot: RunRecord): Promise<StagedFile> {
    const staged = await stageBootRecord(this.spec, boot);
    return {
      ...staged,
      commit: async () => {
        await staged.commit();
        this.boot = boot;
      },
    };
  }

  /** Memory on disk, from which the next start goes on; null when there is none. */
  get suspended(): SuspendRecord | null {
    return this.#suspended;
  }

  async setSuspended(record: SuspendRecord | null): Promise<void> {
    await writeSuspended(this.spec, record);
    this.#suspended = record;
  }

  /** Takes up what an earlier daemon left: follows a run, ends what was only half started, cleans up after an orderly end. */
  async resume(): Promise<void> {
    this.#suspended = await readSuspended(this.spec);
    if (this.boot?.kind === 'launching') {
      await killOrphans(this.spec);
      await this.#endTpmOrphan();
      await removeSockets(this.spec);
      await cleanUpRun(this.spec, null);
      await this.setBoot({ kind: 'failed', reason: 'The start of the VM was interrupted.', at: this.boot.at });
    }
    if (this.boot?.kind !== 'run') return;
    const { boot } = this;
    if (!isAlive(boot.process)) {
      if (boot.ending !== null) await this.cleanUp();
    } else if (!boot.begun && !boot.loaded) {
      await killQemu(boot.process);
      await this.#endTpmOrphan();
      await removeSockets(this.spec);
      await cleanUpRun(this.spec, boot);
      await this.setBoot({ kind: 'failed', reason: 'The start of the VM was interrupted.', at: boot.startedAt });
    } else {
      this.follow(boot);
      if (boot.ending !== null) void this.finish(boot.ending).catch(() => undefined);
      await this.#run?.progress.promise;
    }
  }

  /** Holds on to a run until it is over. */
  follow(record: RunRecord): void {
    const { serialSocket, serialLog } = machinePaths(this.spec);
    const hub = new SerialHub({ socketPath: serialSocket, logPath: serialLog, isAlive: () => !this.#released && isAlive(record.process) });
    const over = Promise.withResolvers<void>();
    const run: Run = { record, hub, qmp: null, progress: Promise.withResolvers(), over: over.promise, ...this.#reach(hub) };
    this.#run = run;
    if (record.tpm) void this.#watchTpm(run, record.tpm);
    void this.#followToEnd(run).finally(over.resolve);
  }

  /** Forgets what the agent was in the middle of: after a rollback it is another one. */
  resetGuest(): void {
    if (!this.#run) return;
    this.#run.agent.close();
    Object.assign(this.#run, this.#reach(this.#run.hub));
  }

  /**
   * The QMP connection of the present run, or null when there is none within the time: QEMU hangs, or is gone.
   * A `timeoutMs` of 0 gives what is there.
   */
  async qmp(timeoutMs: number): Promise<QmpClient | null> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const run = this.#run;
      if (!run || run.qmp) return run?.qmp ?? null;
      const left = deadline - performance.now();
      if (left <= 0 || !isAlive(run.record.process)) return null;
      await Promise.race([run.progress.promise, run.over, delay(left, undefined, { ref: false })]);
    }
  }

  /** What QEMU says of the guest, or null when it does not answer within its time limit. */
  async runState(): Promise<RunState | null> {
    const qmp = this.#run?.qmp;
    if (!qmp) return null;
    return qmp.execute('query-status', {}).then(
      (answer) => answer.status,
      () => null,
    );
  }

  async #diskFaults(): Promise<DiskFaults | null> {
    const drives = await this.#run?.qmp?.execute('query-block', {}).catch(() => null);
    return drives ? diskFaultsOf(drives) : null;
  }

  async status(): Promise<MachineStatus> {
    // A connection that has just ended mostly means that the process is ending, too.
    if (this.boot?.kind === 'run' && this.alive && !this.#run?.qmp && !this.activity) await endsWithin(this.boot.process, 200);
    const runState = this.alive ? await this.runState() : null;
    const { alive, boot } = this;
    const crashed = boot?.kind === 'run' && boot.ending === null && (!alive || runState === 'internal-error');
    const snapshots = await readSnapshots(this.spec);
    return deriveStatus({
      record: this.record,
      boot,
      alive,
      runState,
      activity: this.activity,
      diskFaults: runState === 'io-error' ? await this.#diskFaults() : null,
      tpmEnded: alive && boot?.kind === 'run' && boot.tpm !== undefined && !isAlive(boot.tpm),
      bootId: processRef(process.pid)?.bootId ?? '',
      lastWords: crashed ? await readLastWords(this.spec) : '',
      howEnded: crashed && !alive ? await readHowEnded(this.spec, boot) : null,
      currentSnapshot: snapshots.current,
      pendingRollback: snapshots.pendingRollback,
      suspended: this.#suspended !== null,
    });
  }

  /** Ends the present run in order: tells QEMU to quit, kills it when it does not, and cleans up. Safe to call again. */
  finish(ending: 'shutdown' | 'poweroff'): Promise<void> {
    this.#finishing ??= this.#finish(ending).finally(() => {
      this.#finishing = null;
    });
    return this.#finishing;
  }

  /** Resolves when the present run is over; at once when there is none. */
  async over(): Promise<void> {
    await this.#run?.over;
  }

  /** Lets go of a run without touching it: the daemon ends. */
  release(): void {
    this.#released = true;
    const run = this.#run;
    this.#run = null;
    run?.agent.close();
    run?.hub.close();
    run?.qmp?.close();
  }

  #reach(hub: SerialHub): { agent: GuestAgent; access: GuestAccess } {
    const agent = createGuestAgent({ socketPath: machinePaths(this.spec).agentSocket, channel: 'virtio' });
    const access = createGuestAccess({ agent, serial: createSerialShell(hub), serialIsFree: () => hub.sessionCount === 0 });
    return { agent, access };
  }

  async #followToEnd(run: Run): Promise<void> {
    const { process } = run.record;
    // QEMU listens a few hundredths of a second after its start, and the guest waits for us.
    let pauseMs = 2;
    while (!this.#released && isAlive(process)) {
      try {
        run.qmp = await QmpClient.connect({ socketPath: machinePaths(this.spec).qmpSocket, timeoutMs: greetingTimeoutMs });
      } catch {
        // Not listening yet, or hanging: asked again as long as it lives.
        if (this.activity?.state === 'starting') await delay(pauseMs);
        else await endsWithin(process, 500);
        pauseMs = Math.min(pauseMs * 1.2, 25);
      }
      if (this.#released) run.qmp?.close();
      else if (run.qmp) await this.#listen(run.qmp);
      run.progress.resolve();
      run.progress = Promise.withResolvers();
      if (run.qmp) {
        await run.qmp.closed;
        run.qmp = null;
        await endsWithin(process, 1_000);
      }
    }
    run.progress.resolve();
    if (this.#released) return;
    // It ends with QEMU's connection; this is for the case that it hangs.
    if (run.record.tpm) await endTpm(this.spec, run.record.tpm);
    run.agent.close();
    run.hub.close();
    if (this.#run === run) this.#run = null;
    // Without an ending the record stays, and makes the VM a crashed one until somebody acknowledges it.
    if (this.boot?.kind === 'run' && this.boot.ending !== null) await this.cleanUp();
    else await removeSockets(this.spec);
    this.emit('state');
  }

  /** Tells when the TPM's process ends before QEMU does: the guest goes on without. */
  async #watchTpm(run: Run, tpm: ProcessRef): Promise<void> {
    while (this.#run === run && isAlive(tpm)) await delay(500, undefined, { ref: false });
    if (this.#run === run && isAlive(run.record.process)) this.emit('state');
  }

  async #endTpmOrphan(): Promise<void> {
    const orphan = this.spec.tpm ? await findTpmOrphan(this.spec) : null;
    if (orphan) await endTpm(this.spec, orphan);
  }

  async #listen(qmp: QmpClient): Promise<void> {
    qmp.onEvent(({ event, data }) => {
      if (event === 'SHUTDOWN' && data['reason'] === 'guest-shutdown') this.#finishUnasked();
      if (event === 'WATCHDOG') this.#onWatchdog();
      if (stateEvents.has(event) && !this.quiet) this.emit('state');
    });
    this.#connected();
    // A guest that is let run only now has done nothing yet.
    if (this.boot?.kind === 'run' && !this.boot.begun && this.activity?.state === 'starting') return;
    // It may have powered itself off while no daemon listened.
    const { status } = await qmp.execute('query-status', {}).catch(() => ({ status: null }));
    if (status === 'shutdown') this.#finishUnasked();
    if (status === 'watchdog') this.#onWatchdog();
    this.emit('state');
  }

  /** QEMU has paused the guest, or starts it anew; taking its power away is left to us. */
  #onWatchdog(): void {
    if (this.spec.watchdog !== 'poweroff') return;
    this.finish('poweroff').catch(() => this.emit('state'));
  }

  #finishUnasked(): void {
    // It fails only when the record cannot be written; then the state stays `stopping` and poweroff tries again.
    this.finish('shutdown').catch(() => this.emit('state'));
  }

  async #finish(ending: 'shutdown' | 'poweroff'): Promise<void> {
    const { boot } = this;
    if (boot?.kind !== 'run') return;
    if (isAlive(boot.process)) {
      if (boot.ending === null) await this.setBoot({ ...boot, ending });
      const qmp = await this.qmp(0);
      const told = await qmp?.execute('quit', {}).then(
        () => true,
        () => false,
      );
      // It writes out the disks' caches first.
      if (!(await endsWithin(boot.process, told ? 10_000 : 500))) await killQemu(boot.process);
    }
    await this.over();
    await this.cleanUp();
  }

  /** Removes what a run that is over left, and its record. */
  async cleanUp(): Promise<void> {
    await removeSockets(this.spec);
    await cleanUpRun(this.spec, this.boot?.kind === 'run' ? this.boot : null);
    await this.setBoot(null);
  }
}

const stateEvents = new Set(['WATCHDOG', 'RESUME', 'STOP', 'SHUTDOWN', 'GUEST_PANICKED', 'BLOCK_IO_ERROR']);

import type { MachineStatus } from '@nakhoda/driver';
import { Mutex } from '@nakhoda/host';
import { type Lease, NakhodaError, toNakhodaError, type Vm, type VmState } from '@nakhoda/schema';
import type { Store } from '@nakhoda/store';

import type { EventBus } from './event-bus.ts';
import { type Hypervisors, quietContext } from './hypervisors.ts';
import { refuseTakenMacs } from './mac-addresses.ts';
import { forgetSnapshotPlans } from './snapshot-plans.ts';
import { completeRecord, vmKey, vmNameKey, type VmRecord } from './vm-record.ts';
import { viewVm } from './vm-view.ts';

/** Every VM of this node: what is wanted (from the store) and what was observed (from the drivers), held in memory. */
export interface Inventory {
  load(): Promise<void>;
  records(): readonly VmRecord[];
  /** vmids given out to requests whose VM is not recorded yet; `add` takes a number out again. */
  readonly promisedVmids: Set<number>;
  /** By name or vmid. @throws NakhodaError `vm.not-found` */
  resolve(reference: string): VmRecord;
  byVmid(vmid: number): VmRecord | undefined;
  state(vmid: number): VmState;
  view(record: VmRecord): Vm;
  /** Writes the record and its name in one transaction. @throws NakhodaError `vm.name-taken`, `vm.vmid-taken`, `vm.mac-taken` */
  add(record: VmRecord): Promise<void>;
  /** Puts the record in the place of the present one of its vmid, and publishes it. @throws NakhodaError `vm.name-taken`, `vm.mac-taken` */
  replace(record: VmRecord): Promise<void>;
  /** What was observed last; undefined before the first look. */
  status(vmid: number): MachineStatus | undefined;
  /** Idempotent. */
  remove(vmid: number): Promise<void>;
  /** Asks the driver about one VM and publishes what changed. Never throws. */
  refresh(vmid: number): Promise<void>;
  /** Asks every driver for its list. Never throws. */
  refreshAll(): Promise<void>;
  /** What a task is doing with the VM at the moment, shown instead of the state in between. */
  setTransition(vmid: number, transition: 'starting' | 'stopping' | null): void;
  /** Addresses by MAC as the networks know them. Publishes the VMs whose addresses changed. */
  setLeases(leases: readonly Lease[]): void;
}

export function createInventory(options: {
  store: Store;
  hypervisors: Hypervisors;
  bus: EventBus;
  log(line: string): void;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** Milliseconds on a clock that does not jump. */
  steadyNow?: () => number;
}): Inventory {
  const { store, hypervisors, bus } = options;
  const now = options.now ?? Date.now;
  const steadyNow = options.steadyNow ?? (() => performance.now());
  /** When each run was seen first, and how long it had lasted then: a jump of the host's clock makes it no longer. */
  const runs = new Map<number, { startedAt: string; seenAt: number; lasted: number }>();
  const records = new Map<number, VmRecord>();
  const promisedVmids = new Set<number>();
  /** One at a time, so that of two that want one MAC address only one gets it. */
  const writing = new Mutex();
  const statuses = new Map<number, MachineStatus & { observedAt: string }>();
  const transitions = new Map<number, 'starting' | 'stopping'>();
  const addresses = new Map<string, string>();
  /** Last published view without its clock readings, to tell a change from a repetition. */
  const published = new Map<number, string>();

  const stateOf = (vmid: number): VmState => transitions.get(vmid) ?? statuses.get(vmid)?.state ?? 'unknown';

  /** What was shown of VMs that do not run, and what it was made of: a list of hundreds is mostly these. */
  const resting = new Map<number, { of: readonly unknown[]; vm: Vm }>();
  const view = (record: VmRecord): Vm => {
    const { vmid, hypervisor } = record.spec;
    const state = stateOf(vmid);
    const status = statuses.get(vmid);
    if (!status || !['stopped', 'crashed', 'unknown'].includes(state)) return makeView(record, state);
    const of = [record, status, state, hypervisors.known(hypervisor)];
    const shown = resting.get(vmid);
    if (shown && of.every((part, index) => part === shown.of[index])) return shown.vm;
    const vm = makeView(record, state);
    resting.set(vmid, { of, vm });
    return vm;
  };

  const makeView = (record: VmRecord, state: VmState): Vm => {
    const { vmid, hypervisor } = record.spec;
    const run = runs.get(vmid);
    return viewVm(record, {
      state,
      status: statuses.get(vmid),
      driver: hypervisors.driver(hypervisor),
      probed: hypervisors.known(hypervisor),
      addresses,
      ranMs: run ? run.lasted + steadyNow() - run.seenAt : 0,
      now: now(),
    });
  };

  const publish = (vmid: number): void => {
    const record = records.get(vmid);
    if (!record) return;
    const vm = view(record);
    const { uptimeSeconds: _uptime, observedAt: _observed, ...lasting } = vm;
    const fingerprint = JSON.stringify(lasting);
    if (published.get(vmid) === fingerprint) return;
    published.set(vmid, fingerprint);
    bus.publish({ type: 'vm', vm });
  };

  const observe = (status: MachineStatus): void => {
    const { vmid, startedAt } = status;
    if (startedAt === undefined) runs.delete(vmid);
    else if (runs.get(vmid)?.startedAt !== startedAt)
      runs.set(vmid, { startedAt, seenAt: steadyNow(), lasted: Math.max(0, now() - Date.parse(startedAt)) });
    statuses.set(status.vmid, { ...status, observedAt: new Date(now()).toISOString() });
    publish(status.vmid);
  };

  const observeMissing = (record: VmRecord): void =>
    observe({
      vmid: record.spec.vmid,
      uuid: record.spec.uuid,
      state: 'unknown',
      reason: `${record.spec.hypervisor} does not know this VM.`,
    });

  const observeFailure = (record: VmRecord, error: unknown): void =>
    observe({ vmid: record.spec.vmid, uuid: record.spec.uuid, state: 'unknown', reason: toNakhodaError(error).message });

  return {
    records: () => [...records.values()],
    promisedVmids,
    byVmid: (vmid) => records.get(vmid),
    state: stateOf,
    view,

    async load() {
      for (const entry of await store.list('vms/')) {
        const stored = entry.value as VmRecord;
        const driver = hypervisors.all().find(({ id }) => id === stored.spec.hypervisor);
        const record = driver ? completeRecord(stored, driver.capabilities()) : stored;
        records.set(record.spec.vmid, record);
      }
    },

    resolve(reference) {
      const byNumber = /^[0-9]+$/u.test(reference) ? records.get(Number(reference)) : undefined;
      const found = byNumber ?? [...records.values()].find((record) => record.spec.name.toLowerCase() === reference.toLowerCase());
      if (found) return found;
      throw new NakhodaError('vm.not-found', {
        message: `There is no VM called ${reference}.`,
        hint:
          records.size === 0
            ? 'There are no VMs yet. Make one with `nakhoda vm create`.'
            : '`nakhoda vm list` shows every VM with its vmid and name.',
      });
    },

    add: (record) =>
      writing.run(async () => {
        const { vmid, name } = record.spec;
        promisedVmids.delete(vmid);
        const present = await store.get(vmKey(vmid));
        // The same step repeated after a crash: its own record is there already.
        if (present && (present.value as VmRecord).spec.uuid === record.spec.uuid) {
          records.set(vmid, record);
          return;
        }
        if (present)
          throw new NakhodaError('vm.vmid-taken', {
            message: `vmid ${vmid} belongs to another VM.`,
            hint: 'Try again, or choose another number.',
          });
        refuseTakenMacs(record, records.values());
        try {
          await store.transact({
            if: [
              { key: vmKey(vmid), revision: 0 },
              { key: vmNameKey(name), revision: 0 },
            ],
            then: [
              { op: 'put', key: vmKey(vmid), value: record },
              { op: 'put', key: vmNameKey(name), value: vmid },
            ],
          });
        } catch (error) {
          if (!(error instanceof NakhodaError) || error.code !== 'store.conflict') throw error;
          throw new NakhodaError('vm.name-taken', {
            message: `A VM called ${name} was made at the same moment.`,
            hint: 'Choose another name.',
            cause: error,
          });
        }
        records.set(vmid, record);
      }),

    replace: (record) =>
      writing.run(async () => {
        const { vmid, name } = record.spec;
        const present = await store.get(vmKey(vmid));
        const before = (present?.value as VmRecord | undefined)?.spec.name ?? name;
        const renamed = vmNameKey(before) !== vmNameKey(name);
        refuseTakenMacs(record, records.values());
        try {
          await store.transact({
            if: [{ key: vmKey(vmid), revision: present?.revision ?? 0 }, ...(renamed ? [{ key: vmNameKey(name), revision: 0 }] : [])],
            then: [
              { op: 'put', key: vmKey(vmid), value: record },
              ...(renamed
                ? ([
                    { op: 'delete', key: vmNameKey(before) },
                    { op: 'put', key: vmNameKey(name), value: vmid },
                  ] as const)
                : []),
            ],
          });
        } catch (error) {
          if (!(error instanceof NakhodaError) || error.code !== 'store.conflict' || !renamed) throw error;
          throw new NakhodaError('vm.name-taken', {
            message: `A VM called ${name} was made at the same moment.`,
            hint: 'Choose another name.',
            cause: error,
          });
        }
        records.set(vmid, record);
        publish(vmid);
      }),

    status: (vmid) => statuses.get(vmid),

    async remove(vmid) {
      const present = await store.get(vmKey(vmid));
      if (present) {
        const { name } = (present.value as VmRecord).spec;
        await store.transact({
          if: [],
          then: [{ op: 'delete', key: vmKey(vmid) }, { op: 'delete', key: vmNameKey(name) }, ...(await forgetSnapshotPlans(store, vmid))],
        });
      }
      statuses.delete(vmid);
      resting.delete(vmid);
      runs.delete(vmid);
      published.delete(vmid);
      transitions.delete(vmid);
      if (records.delete(vmid)) bus.publish({ type: 'vm-removed', vmid });
    },

    async refresh(vmid) {
      const record = records.get(vmid);
      if (!record) return;
      try {
        const status = await hypervisors.driver(record.spec.hypervisor).inspect(quietContext(options.log), { vmid });
        if (status) observe(status);
        else observeMissing(record);
      } catch (error) {
        observeFailure(record, error);
      }
    },

    async refreshAll() {
      await Promise.all(
        hypervisors.all().map(async (driver) => {
          const own = [...records.values()].filter((record) => record.spec.hypervisor === driver.id);
          if (own.length === 0) return;
          try {
            const found = new Map((await driver.list(quietContext(options.log))).map((status) => [status.vmid, status]));
            for (const record of own) {
              const status = found.get(record.spec.vmid);
              // A VM may have been removed while the driver was asked.
              if (!records.has(record.spec.vmid)) continue;
              if (status) observe(status);
              else observeMissing(record);
            }
          } catch (error) {
            for (const record of own) observeFailure(record, error);
          }
        }),
      );
    },

    setTransition(vmid, transition) {
      if (transition === null) transitions.delete(vmid);
      else transitions.set(vmid, transition);
      publish(vmid);
    },

    setLeases(leases) {
      addresses.clear();
      for (const lease of leases) addresses.set(lease.mac, lease.address);
      for (const vmid of records.keys()) publish(vmid);
    },
  };
}

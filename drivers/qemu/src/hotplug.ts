import { constants } from 'node:fs';
import { access } from 'node:fs/promises';

import type { DriverContext, HotplugFacet, MachineDisk, MachineNic, MachineSpec } from '@nakhoda/driver';
import { fileExists } from '@nakhoda/host';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

import { lowerNodes } from './block-nodes.ts';
import { makeImage, withoutBases } from './definition.ts';
import type { Environment } from './environment.ts';
import { bootIndex } from './hardware/boot-order.ts';
import { cdDevice, cdNode, cdNodes } from './hardware/cd-drive.ts';
import { diskLimits, diskParts, limitsNode, pluggedDevice } from './hardware/disks.ts';
import { iothread } from './hardware/iothreads.ts';
import { hasLink, nicDevice, nicParts } from './hardware/nics.ts';
import type { Parts } from './hardware/parts.ts';
import { usesDiskError } from './images.ts';
import { baseChain, imageChain, layeredSlots } from './layers.ts';
import { checkTap } from './lifecycle.ts';
import { writeMachineRecord } from './machine-record.ts';
import type { Machine } from './machine.ts';
import { applyStep, type ChangeStep, inOrderOf, planChange } from './plan-change.ts';
import { setMemory } from './memory.ts';
import { setProcessors } from './processors.ts';
import type { QmpClient } from './qmp/qmp-client.ts';
import { readSnapshots } from './snapshot-store.ts';
import { refuseToStarve } from './spare-memory.ts';
import { deviceIds, type Release, unplug } from './unplug.ts';

interface Change {
  environment: Environment;
  ctx: DriverContext;
  machine: Machine;
  qmp: QmpClient;
}

/** Changes of a running VM over QMP, one after the other; after each the machine's record says what runs. */
export function createHotplugFacet(
  environment: Environment,
  { find, checkSpec }: { find: (vmid: number) => Promise<Machine>; checkSpec: (spec: MachineSpec) => Promise<void> },
): HotplugFacet {
  return {
    async change(ctx, { spec }) {
      const machine = await find(spec.vmid);
      await checkSpec(spec);
      return machine.turns.run(async () => {
        const qmp = await runningQmp(machine);
        // A CD that comes must be readable, and an image that was there before must be the VM's.
        await environment.confinement.prepare(spec);
        const change: Change = { environment, ctx, machine, qmp };
        const layered = layeredSlots(await readSnapshots(machine.spec));
        const translated = machine.boot?.kind === 'run' && machine.boot.execution.mode === 'tcg';
        const plan = planChange(machine.spec, spec, { layered, translated, baseMemoryMiB: machine.baseMemoryMiB });
        const pending = [...plan.pending];
        for (const step of plan.steps) {
          ctx.signal.throwIfAborted();
          try {
            await take(change, step);
          } catch (error) {
            ctx.signal.throwIfAborted();
            pending.push({ field: step.field, reason: toNakhodaError(error).message });
            continue;
          }
          await record(machine, applyStep(machine.spec, step));
        }
        await record(machine, inOrderOf(machine.spec, spec));
        machine.emit('state');
        return { pending };
      });
    },
  };
}

async function runningQmp(machine: Machine): Promise<QmpClient> {
  const { name } = machine.spec;
  const { state, reason } = await machine.status();
  if (state !== 'running' && state !== 'unknown') {
    throw new NakhodaError('vm.wrong-state', {
      message: `VM ${name} is ${state}, so nothing can be plugged into it. ${reason ?? ''}`.trim(),
      hint: state === 'paused' ? 'Let it go on first.' : 'Start the VM, or change its definition.',
    });
  }
  const qmp = await machine.qmp(5_000);
  if (qmp) return qmp;
  throw new NakhodaError('hypervisor.timeout', {
    message: `The QEMU of VM ${name} does not answer, so nothing can be changed.`,
    hint: 'Stop the VM by power-off.',
  });
}

async function record(machine: Machine, spec: MachineSpec): Promise<void> {
  const changed = { ...machine.record, spec };
  await writeMachineRecord(changed);
  machine.record = changed;
}

async function take(change: Change, step: ChangeStep): Promise<void> {
  const { qmp, machine } = change;
  switch (step.kind) {
    case 'add-disk':
      return addDisk(change, step.disk);
    case 'remove-disk':
      return removeDisk(change, step.disk);
    case 'grow-disk':
      await qmp.execute('block_resize', { 'node-name': limitsNode(step.slot), 'size': step.sizeBytes });
      return;
    case 'limit-disk':
      await qmp.execute('qom-set', { path: `/objects/${limitsNode(step.slot)}`, property: 'limits', value: diskLimits(step) });
      return;
    case 'add-nic':
      return addNic(change, step.nic);
    case 'remove-nic':
      await unplug(qmp, nicDevice(step.slot), release(change));
      await tolerate(qmp.execute('netdev_del', { id: step.slot }));
      return;
    case 'set-link': {
      const nic = machine.spec.nics.find(({ slot }) => slot === step.slot);
      if (nic) await qmp.execute('set_link', { name: nicDevice(step.slot), up: hasLink({ ...nic, linkUp: step.linkUp }) });
      return;
    }
    case 'change-cd':
      return changeCd(change, step.path);
    case 'set-cores':
      return setProcessors(qmp, step.cores, release(change));
    case 'set-memory':
      if (step.memoryMiB < machine.spec.memoryMiB)
        await refuseToStarve(machine.guest, machine.spec.memoryMiB - step.memoryMiB, change.ctx.signal);
      return setMemory(qmp, step.memoryMiB - machine.baseMemoryMiB, release(change));
  }
}

function release({ environment, ctx }: Change): Release {
  return { timeoutMs: environment.releaseTimeoutMs, signal: ctx.signal };
}

async function addDisk({ environment, ctx, machine, qmp }: Change, disk: MachineDisk): Promise<void> {
  const { spec } = machine;
  // Of a disk that the VM had in a snapshot of its: the overlays there would be taken for this one's.
  if (layeredSlots(await readSnapshots(spec)).includes(disk.slot)) throw usesDiskError(disk.slot);
  if (await fileExists(disk.path)) {
    await environment.images.check(disk, baseChain(machine.places.base, disk.path), ctx.signal);
    await environment.handOver(spec, disk.path);
  } else {
    // On record before it is made, so that after a crash undefine still knows whose it is.
    const madeDisks = [...new Set([...machine.record.madeDisks, disk.path])];
    machine.record = { ...machine.record, madeDisks, base: withoutBases(machine.record.base, [disk.path]) };
    await writeMachineRecord(machine.record);
    await makeImage(environment, ctx, spec, disk);
  }
  const device = pluggedDevice(disk);
  if (device !== null && (await deviceIds(qmp)).has(device)) return;
  const chain = imageChain(await readSnapshots(spec), { ...machine.places, disks: [disk] }, disk.slot, 0);
  // What an earlier try left would be in the way.
  await removeBackend(qmp, disk.slot);
  try {
    await plug(qmp, diskParts(spec, disk, chain));
  } catch (error) {
    if (device !== null) await tolerate(unplug(qmp, device, { timeoutMs: 5_000, signal: ctx.signal }));
    await removeBackend(qmp, disk.slot);
    throw error;
  }
}

async function removeDisk(change: Change, disk: MachineDisk): Promise<void> {
  const device = pluggedDevice(disk);
  if (device !== null) await unplug(change.qmp, device, release(change));
  await removeBackend(change.qmp, disk.slot);
}

/** A disk's block nodes, throttle and thread, from the top down; nothing to one that has none. */
async function removeBackend(qmp: QmpClient, slot: string): Promise<void> {
  const there = (await qmp.execute('query-named-block-nodes', { flat: true })).map((node) => node['node-name'] ?? '');
  const limits = there.filter((node) => node === limitsNode(slot));
  for (const node of [...limits, ...lowerNodes(slot, there)]) await qmp.execute('blockdev-del', { 'node-name': node });
  const objects = await qmp.execute('qom-list', { path: '/objects' });
  for (const id of [limitsNode(slot), iothread(slot)]) if (objects.some(({ name }) => name === id)) await qmp.execute('object-del', { id });
}

async function addNic({ machine, qmp }: Change, nic: MachineNic): Promise<void> {
  const { slot } = nic;
  if (!(await deviceIds(qmp)).has(nicDevice(slot))) {
    await checkTap(machine.spec.name, nic);
    await tolerate(qmp.execute('netdev_del', { id: slot }));
    try {
      await plug(qmp, nicParts(machine.spec, nic));
    } catch (error) {
      await tolerate(qmp.execute('netdev_del', { id: slot }));
      throw error;
    }
  }
  await qmp.execute('set_link', { name: nicDevice(slot), up: hasLink(nic) });
}

async function plug(qmp: QmpClient, { objects = [], nodes = [], netdevs = [], devices }: Parts): Promise<void> {
  for (const part of objects) await qmp.execute('object-add', part);
  for (const part of nodes) await qmp.execute('blockdev-add', part);
  for (const part of netdevs) await qmp.execute('netdev_add', part);
  for (const part of devices) await qmp.execute('device_add', part);
}

/** A guest that has locked the tray is not asked: who changes the CD wants it changed. */
async function changeCd({ machine, qmp }: Change, path: string | null): Promise<void> {
  if (path !== null) await access(path, constants.R_OK);
  const former = machine.spec.cdrom;
  await qmp.execute('blockdev-open-tray', { id: cdDevice, force: true });
  await qmp.execute('blockdev-remove-medium', { id: cdDevice });
  await removeCdNodes(qmp);
  try {
    if (path !== null) await insertCd(qmp, path);
  } catch (error) {
    await removeCdNodes(qmp);
    if (former !== null) await tolerate(insertCd(qmp, former));
    await qmp.execute('blockdev-close-tray', { id: cdDevice });
    throw error;
  }
  await qmp.execute('blockdev-close-tray', { id: cdDevice });
  // As at a start: an empty drive is not booted from. QEMU refuses an index that is in use, even by the device itself.
  if ((former === null) === (path === null)) return;
  const { bootindex = -1 } = path === null ? {} : bootIndex(machine.spec, 'cdrom');
  await qmp.execute('qom-set', { path: `/machine/peripheral/${cdDevice}`, property: 'bootindex', value: bootindex });
}

async function insertCd(qmp: QmpClient, path: string): Promise<void> {
  for (const node of cdNodes(path)) await qmp.execute('blockdev-add', node);
  await qmp.execute('blockdev-insert-medium', { 'id': cdDevice, 'node-name': cdNode });
}

async function removeCdNodes(qmp: QmpClient): Promise<void> {
  const there = new Set((await qmp.execute('query-named-block-nodes', { flat: true })).map((node) => node['node-name']));
  for (const node of [cdNode, `${cdNode}-file`]) if (there.has(node)) await qmp.execute('blockdev-del', { 'node-name': node });
}

/** For what may be gone already, or comes after a failure that is told itself. */
async function tolerate(attempt: Promise<unknown>): Promise<void> {
  await attempt.catch(() => undefined);
}

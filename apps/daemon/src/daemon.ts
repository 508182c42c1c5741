import { readFile } from 'node:fs/promises';

import type { Driver } from '@nakhoda/driver';
import { createSqliteStore, createSqliteTaskStore, openDatabase } from '@nakhoda/store';
import { createTaskEngine, type TaskEngine } from '@nakhoda/tasks';
import type { Logger } from 'pino';

import { type DaemonConfig, makeDataFolders } from './config.ts';
import { labSaga } from './lab/lab-task.ts';
import { autostartSaga } from './sagas/autostart.ts';
import { networkCreateSaga, networkDeleteSaga } from './sagas/network.ts';
import { snapshotRollbackSaga } from './sagas/snapshot-rollback.ts';
import { snapshotDeleteSaga, snapshotTakeSaga } from './sagas/snapshot.ts';
import { vmAdoptSaga } from './sagas/vm-adopt.ts';
import { vmCreateSaga } from './sagas/vm-create.ts';
import { vmCloneSaga } from './sagas/vm-clone.ts';
import { vmImportSaga } from './sagas/vm-import.ts';
import { vmOrders, vmOrderSaga } from './sagas/vm-order.ts';
import { vmDestroySaga, vmStartSaga, vmStopSaga } from './sagas/vm-power.ts';
import { vmReleaseSaga } from './sagas/vm-release.ts';
import { diskDeleteSaga } from './sagas/disk-delete.ts';
import { vmRevertSaga } from './sagas/vm-revert.ts';
import { vmSetSaga } from './sagas/vm-set.ts';
import type { Services } from './services/context.ts';
import { autostartOnce } from './services/autostart.ts';
import { createEventBus } from './services/event-bus.ts';
import { createFreezes } from './services/freezes.ts';
import { createHypervisors } from './services/hypervisors.ts';
import { createInventory } from './services/inventory.ts';
import type { NetworkHost } from './services/network-host.ts';
import { createNetworks } from './services/networks.ts';
import { createReconciler } from './services/reconciler.ts';

/** Everything of a daemon but its servers: what tests of handlers and sagas are made on. */
export interface Core {
  services: Services;
  /** Finds what an earlier daemon left, goes on with its tasks, and starts to reconcile. Once, when the servers listen. */
  begin(): Promise<void>;
  /** Ends reconcilers, tasks (which go on at the next start), drivers and the database. VMs go on running. */
  close(): Promise<void>;
}

export async function readVersion(): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}

/** Puts the parts together. Nothing is changed on the host before `begin`. */
export async function openCore(
  config: DaemonConfig,
  parts: { drivers: readonly Driver[]; networkHost: NetworkHost; logger: Logger },
): Promise<Core> {
  const { logger } = parts;
  makeDataFolders(config.folders);
  await using cleanup = new AsyncDisposableStack();

  const database = openDatabase(config.folders.database);
  cleanup.defer(() => database.close());
  const store = createSqliteStore(database);
  const bus = createEventBus();
  const log = (line: string): void => logger.info(line);
  const hypervisors = createHypervisors({ drivers: parts.drivers, node: config.node, bus, log });
  for (const driver of parts.drivers) cleanup.defer(() => driver.close());
  const inventory = createInventory({ store, hypervisors, bus, log });
  const networks = createNetworks({
    store,
    bus,
    host: parts.networkHost,
    records: () => inventory.records(),
    isBusy: (name) => engine.isLocked(`network/${name}`),
  });
  const engine = createTaskEngine({
    store: createSqliteTaskStore(database),
    onChange: (task) => bus.publish({ type: 'task', task }),
    log: ({ message, taskId, requestId, error }) => logger.warn({ taskId, requestId, err: error }, message),
  });
  cleanup.defer(() => engine.close());

  const freezes = createFreezes({ store, inventory, hypervisors, log });
  cleanup.defer(() => freezes.close());

  const services: Services = {
    config,
    store,
    bus,
    hypervisors,
    inventory,
    networks,
    engine,
    freezes,
    log,
    version: await readVersion(),
    startedAt: new Date().toISOString(),
  };
  registerKinds(engine, services);
  await inventory.load();
  await networks.load();
  const reconciler = createReconciler(services);
  const stopping = new AbortController();
  let running: Promise<unknown> = Promise.resolve();
  cleanup.defer(async () => {
    stopping.abort();
    await running;
  });

  const owned = cleanup.move();
  return {
    services,
    async begin() {
      // What the hypervisors know comes before what the tasks go on with.
      await inventory.refreshAll();
      await freezes.recover();
      await engine.recover();
      await autostartOnce(services);
      running = Promise.all([reconciler.round(), reconciler.run(stopping.signal), probeUsed(services)]).catch((error: unknown) => {
        if (!stopping.signal.aborted) logger.error({ err: error }, 'the reconciler ended');
      });
    },
    close: () => owned.disposeAsync(),
  };
}

/** Looks whether the hypervisors that have VMs can run them still; the VMs then tell. Nothing waits for it: it takes seconds. */
async function probeUsed({ inventory, hypervisors }: Services): Promise<void> {
  const used = new Set(inventory.records().map((record) => record.spec.hypervisor));
  await Promise.all([...used].map((id) => hypervisors.probe(id)));
  await inventory.refreshAll();
}

function registerKinds(engine: TaskEngine, services: Services): void {
  engine.register(vmCreateSaga(services));
  engine.register(vmCloneSaga(services));
  engine.register(vmImportSaga(services));
  engine.register(vmAdoptSaga(services));
  engine.register(vmReleaseSaga(services));
  engine.register(vmStartSaga(services));
  engine.register(vmStopSaga(services, 'shutdown'));
  engine.register(vmStopSaga(services, 'poweroff'));
  for (const order of vmOrders) engine.register(vmOrderSaga(services, order));
  engine.register(vmSetSaga(services));
  engine.register(vmRevertSaga(services));
  engine.register(diskDeleteSaga(services));
  engine.register(vmDestroySaga(services));
  engine.register(snapshotTakeSaga(services));
  engine.register(snapshotRollbackSaga(services));
  engine.register(snapshotDeleteSaga(services));
  engine.register(networkCreateSaga(services));
  engine.register(networkDeleteSaga(services));
  engine.register(autostartSaga(services));
  engine.register(labSaga(services));
}

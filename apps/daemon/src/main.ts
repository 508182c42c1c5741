import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { readJsonFile, writeFileAtomic } from '@nakhoda/host';
import { toNakhodaError } from '@nakhoda/schema';
import { pino } from 'pino';

import { ensureCertificate } from './auth/certificate.ts';
import { openFileAuthStore } from './auth/file-auth-store.ts';
import { localGate, loginGate } from './auth/gates.ts';
import { createLogin } from './auth/login.ts';
import { sessionHandlers } from './auth/session-handlers.ts';
import { ticketGate } from './auth/ticket-gate.ts';
import { type DaemonConfig, makeDataFolders } from './config.ts';
import { createConsoleTickets } from './console/console-tickets.ts';
import { openCore } from './daemon.ts';
import { parseDaemonArguments } from './daemon-arguments.ts';
import { lockDataFolder } from './data-lock.ts';
import { createDrivers } from './drivers.ts';
import { labHandlers } from './handlers/lab.ts';
import { networkHandlers } from './handlers/network.ts';
import { snapshotHandlers } from './handlers/snapshot.ts';
import { systemHandlers } from './handlers/system.ts';
import { taskHandlers } from './handlers/task.ts';
import { vmChangeHandlers } from './handlers/vm-change.ts';
import { vmCloneHandlers } from './handlers/vm-clone.ts';
import { foreignHandlers } from './handlers/foreign.ts';
import { vmImportHandlers } from './handlers/vm-import.ts';
import { vmGuestHandlers } from './handlers/vm-guest.ts';
import { vmConsoleHandlers } from './handlers/vm-console.ts';
import { vmDeviceHandlers } from './handlers/vm-devices.ts';
import { vmUnusedDiskHandlers } from './handlers/vm-unused-disks.ts';
import { vmHandlers } from './handlers/vm.ts';
import { buildServer, type Gate } from './http/build-server.ts';
import type { Handlers } from './http/handlers.ts';
import { listenOnSocket } from './http/listen-on-socket.ts';
import { listenOnTls } from './http/listen-on-tls.ts';
import { keepToOneself } from './own-environment.ts';
import { createLinuxNetworkHost } from './services/network-host.ts';

/** What `nakhoda up` reads to tell where the daemon is and how to log in. Mode 0600. */
export interface ReadyFile {
  pid: number;
  url: string;
  user: string;
  /** Only the first time: the password is kept nowhere but as a hash. */
  password: string | null;
  fingerprint: string;
}

const staticFolder = fileURLToPath(new URL('../../web/dist', import.meta.url));

async function run(config: DaemonConfig): Promise<void> {
  process.umask(0o077);
  keepToOneself(process.env);
  const { folders } = config;
  makeDataFolders(folders);
  await using cleanup = new AsyncDisposableStack();
  const lock = lockDataFolder(folders.run);
  cleanup.defer(() => lock.release());

  const logger = pino({ level: process.env['NAKHODA_LOG_LEVEL'] ?? 'info' });
  const certificate = await ensureCertificate({ folder: folders.auth });
  const login = await createLogin({ store: await openFileAuthStore(join(folders.auth, 'auth.json')) });
  const core = await openCore(config, {
    drivers: await createDrivers(config, logger),
    networkHost: createLinuxNetworkHost(config),
    logger,
  });
  cleanup.defer(() => core.close());

  const stopped = Promise.withResolvers<string>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.resolve(signal));

  let url = '';
  const { services } = core;
  const tickets = createConsoleTickets();
  const vmidOf = (vm: string): number | null => {
    try {
      return services.inventory.resolve(vm).spec.vmid;
    } catch {
      return null;
    }
  };
  const withTickets = (gate: Gate): Gate => ticketGate(gate, tickets, vmidOf);
  const handlers: Handlers = {
    ...systemHandlers(services, { url: () => url, stop: () => stopped.resolve('an order to stop') }),
    ...sessionHandlers(login),
    ...vmHandlers(services),
    ...vmChangeHandlers(services),
    ...vmDeviceHandlers(services),
    ...vmUnusedDiskHandlers(services),
    ...vmCloneHandlers(services),
    ...vmImportHandlers(services),
    ...foreignHandlers(services),
    ...vmGuestHandlers(services),
    ...vmConsoleHandlers(services, tickets),
    ...snapshotHandlers(services),
    ...networkHandlers(services),
    ...taskHandlers(services),
    ...labHandlers(services),
  };
  const secure = await buildServer({ handlers, gate: withTickets(loginGate(login)), tls: certificate, staticFolder, log: logger });
  cleanup.defer(() => secure.close());
  url = await listenOnTls(secure, { host: config.host, port: config.port });

  // The tasks of an earlier daemon go on before anybody can give new orders.
  await core.begin();
  const local = await buildServer({ handlers, gate: withTickets(localGate), staticFolder, log: logger });
  cleanup.defer(() => local.close());
  await listenOnSocket(local, join(folders.run, 'nakhoda.sock'));

  const readyPath = join(folders.run, 'ready.json');
  const unread = (await readJsonFile<ReadyFile>(readyPath))?.password ?? null;
  const { user, password } = await login.ensureAdmin();
  const ready: ReadyFile = { pid: process.pid, url, user, password: password ?? unread, fingerprint: certificate.fingerprint };
  await writeFileAtomic(readyPath, `${JSON.stringify(ready)}\n`);
  // A password that nobody has read yet stays where `up` finds it: it is kept nowhere else.
  cleanup.defer(async () => {
    const left = await readJsonFile<ReadyFile>(readyPath);
    if (left?.password === null) await rm(readyPath, { force: true });
  });
  logger.info({ url, data: folders.root, version: services.version }, 'the daemon is ready');

  logger.info(`the daemon stops: ${await stopped.promise}`);
}

try {
  await run(parseDaemonArguments(process.argv.slice(2), process.env));
} catch (error) {
  const failure = toNakhodaError(error);
  process.stderr.write(`${failure.message}\n${failure.hint}\n`);
  if (failure.code === 'internal') process.stderr.write(`${failure.cause instanceof Error ? failure.cause.stack : ''}\n`);
  process.exitCode = 1;
}

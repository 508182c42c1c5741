import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { toNakhodaError } from '@nakhoda/schema';
import { pino } from 'pino';

import { dataFolders } from './config.ts';
import { parseDaemonArguments } from './daemon-arguments.ts';
import { createDrivers } from './drivers.ts';
import { createEventBus } from './services/event-bus.ts';
import { hostCheck } from './services/host-check.ts';
import { createHypervisors } from './services/hypervisors.ts';

/**
 * `host check` where no daemon runs: prints the HostCheck as JSON. The drivers get a scratch data folder, so that
 * to look at a host leaves nothing on it.
 */
const scratch = await mkdtemp(join(tmpdir(), 'nakhoda-check-'));
try {
  const config = { ...parseDaemonArguments(process.argv.slice(2), process.env), folders: dataFolders(scratch) };
  const drivers = await createDrivers(config, pino({ level: 'silent' }));
  const hypervisors = createHypervisors({ drivers, node: config.node, bus: createEventBus(), log: () => undefined });
  process.stdout.write(`${JSON.stringify(await hostCheck({ hypervisors, config }))}\n`);
  await Promise.all(drivers.map((driver) => driver.close()));
} catch (error) {
  process.stderr.write(`${JSON.stringify(toNakhodaError(error).toBody())}\n`);
  process.exitCode = 1;
} finally {
  await rm(scratch, { recursive: true, force: true });
}

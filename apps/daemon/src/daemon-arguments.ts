import { parseArgs } from 'node:util';

import { networkOwner } from '@nakhoda/host';
import { NakhodaError } from '@nakhoda/schema';

import { type DaemonConfig, dataFolders, defaultDataFolder } from './config.ts';

/**
 * `--data DIR --host ADDRESS --port N`, and `NAKHODA_HYPERVISORS` (comma-separated, for tests and demos).
 * @throws NakhodaError `request.invalid`
 */
export function parseDaemonArguments(argv: readonly string[], env: NodeJS.ProcessEnv): DaemonConfig {
  const { values } = parseArgs({
    args: [...argv],
    options: { data: { type: 'string' }, host: { type: 'string' }, port: { type: 'string' } },
  });
  const port = Number(values.port ?? 8006);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new NakhodaError('request.invalid', { message: `--port ${values.port} is no TCP port.`, hint: 'Give a number from 0 to 65535.' });
  }
  const root = defaultDataFolder(values.data === undefined ? env : { NAKHODA_DATA: values.data });
  return {
    folders: dataFolders(root),
    node: 'local',
    host: values.host ?? '0.0.0.0',
    port,
    owner: networkOwner(root),
    hypervisors: parseHypervisors(env['NAKHODA_HYPERVISORS'] ?? 'qemu,virtualbox'),
  };
}

function parseHypervisors(list: string): DaemonConfig['hypervisors'] {
  return list.split(',').map((name) => {
    if (name === 'qemu' || name === 'virtualbox' || name === 'fake') return name;
    throw new NakhodaError('request.invalid', {
      message: `NAKHODA_HYPERVISORS names ${name}.`,
      hint: 'Known are qemu, virtualbox and fake.',
    });
  });
}

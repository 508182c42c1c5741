import { parseArgs } from 'node:util';

import type { SetupStep } from './setup-step.ts';

export interface SetupOrder {
  readonly steps: readonly SetupStep['name'][];
  readonly json: boolean;
  /** Only look; exit 0 when everything is there, 1 when something is to be done. */
  readonly check: boolean;
  /** A failure of VirtualBox or the guest is told, and is no failure of the whole. */
  readonly keepGoing: boolean;
}

/** What to print instead of setting up: `mistake` is null where the caller asked for help. */
export interface SetupUsage {
  readonly usage: string;
  readonly mistake: string | null;
}

const usage = `Usage: nakhoda setup [page|virtualbox|guest|qemu10] [--json]

Installs what Nakhoda needs on this machine, and starts nothing:
  packages     QEMU and the tools around it, from the system's package archive
  page         the web page, built from its sources
  virtualbox   VirtualBox, from there too or as an isolated run time in the cache folder
  guest        the tiny Linux guest, built and kept in the cache folder
  qemu10       QEMU 10 beside Debian 12's own, from its backports, unpacked into the cache folder
Without an argument: all but the last. What is there already is left as it is.
`;

const usualSteps = ['packages', 'page', 'virtualbox', 'guest'] as const satisfies SetupStep['name'][];
const stepNames = [...usualSteps, 'qemu10'] as const satisfies SetupStep['name'][];

/**
 * Reads the arguments of `nakhoda setup`; `--check`, `--keep-going` and the step `packages`
 * are for the entry script. Wrong ones give the mistake and the usage text, `--help` the text alone.
 */
export function parseSetupArguments(args: readonly string[]): SetupOrder | SetupUsage {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        'json': { type: 'boolean', default: false },
        'check': { type: 'boolean', default: false },
        'keep-going': { type: 'boolean', default: false },
        'help': { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    return { usage, mistake: error instanceof Error ? error.message : String(error) };
  }
  const { values, positionals } = parsed;
  if (values.help) return { usage, mistake: null };
  const steps = stepNames.filter((name) => positionals.includes(name));
  const unknown = positionals.find((name) => !steps.some((step) => step === name));
  if (unknown !== undefined) {
    return { usage, mistake: `There is nothing called ${JSON.stringify(unknown)} to set up.` };
  }
  return {
    steps: steps.length === 0 ? usualSteps : steps,
    json: values.json,
    check: values.check,
    keepGoing: values['keep-going'],
  };
}

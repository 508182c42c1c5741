import { join } from 'node:path';

import { NakhodaError } from '@nakhoda/schema';

import { runProgram } from './run-program.ts';
import type { SetupContext, SetupStep } from './setup-step.ts';

/** The operating system's packages that every Nakhoda needs: QEMU and the tools around it. */
export const packagesStep: SetupStep = {
  name: 'packages',
  title: 'QEMU and the tools around it',
  async ready(context) {
    return (await isMissing(context, 'base')) ? null : 'all there';
  },
  async run(context) {
    await installPackages(context, 'base');
    // What some VMs want. Without it those are refused with the reason, and all else works.
    if ((await packages(context, ['optional'])) !== 0) context.say('Going on without the packages above: VMs that need them are refused.');
    return 'all there';
  },
};

/** A group of scripts/packages.list; `guest` is what guest/build asks for. */
export type PackageGroup = 'base' | 'optional' | 'virtualbox-system' | 'virtualbox-isolated' | 'guest';

/**
 * Installs what is missing of a group of scripts/packages.list, saying beforehand what and why.
 * @throws NakhodaError `setup.failed`; the cause and the remedy were already printed.
 */
export async function installPackages(context: SetupContext, group: PackageGroup): Promise<void> {
  if ((await packages(context, [group])) === 0) return;
  throw new NakhodaError('setup.failed', {
    message: 'Packages of the operating system are missing and could not be installed; why is said above.',
    hint: 'Do what is said above, then run the same command again.',
    details: { group },
  });
}

/**
 * Whether the system's package archive has this package in this version (Debian's syntax) or a
 * later one; asks the network only when apt has no lists.
 */
export async function hasPackage(context: SetupContext, name: string, version: string): Promise<boolean> {
  return (await packages(context, ['--candidate', name, version])) === 0;
}

/** Whether a package of the group is missing. Looks for its files only: milliseconds, no apt, no network. */
export async function isMissing(context: SetupContext, group: PackageGroup): Promise<boolean> {
  return (await packages(context, ['--missing', group])) !== 0;
}

async function packages(context: SetupContext, args: string[]): Promise<number> {
  return runProgram(['sh', join(context.checkout, 'scripts', 'packages.sh'), ...args], { env: context.env });
}

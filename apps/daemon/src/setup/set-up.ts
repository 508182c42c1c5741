import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cacheFolder } from '@nakhoda/host';
import { NakhodaError, toNakhodaError } from '@nakhoda/schema';

import { guestStep } from './guest-step.ts';
import { pageStep } from './page-step.ts';
import { packagesStep } from './packages-step.ts';
import { qemu10Step } from './qemu10-step.ts';
import type { SetupContext, SetupStep } from './setup-step.ts';
import { parseSetupArguments, type SetupOrder, type SetupUsage } from './setup-arguments.ts';
import { virtualBoxStep } from './virtualbox-step.ts';

const steps: readonly SetupStep[] = [packagesStep, pageStep, virtualBoxStep, guestStep, qemu10Step];

interface StepResult {
  readonly step: SetupStep['name'];
  readonly result: string;
  readonly seconds: number;
}

/** Tells that `up` went on without this step, so that it does not try again, for minutes, at every start. */
function failureMark(step: SetupStep): string {
  return join(cacheFolder(process.env), `${step.name}.failed`);
}

async function isSettled(step: SetupStep, order: SetupOrder, context: SetupContext): Promise<boolean> {
  if ((await step.ready(context)) !== null) return true;
  if (!order.keepGoing || !existsSync(failureMark(step))) return false;
  context.say(`nakhoda: ${step.title} is missing, since setting it up failed before; \`./nakhoda setup\` tries again`);
  return true;
}

async function carryOut(order: SetupOrder, context: SetupContext): Promise<number> {
  const results: StepResult[] = [];
  for (const step of steps.filter(({ name }) => order.steps.includes(name))) {
    const begun = performance.now();
    try {
      let result = await step.ready(context);
      if (result === null) {
        context.say(`${step.name}: ${step.title}`);
        result = await step.run(context);
      }
      const seconds = Math.round((performance.now() - begun) / 100) / 10;
      context.say(`${step.name}: ${result} (${seconds.toFixed(1)} s)`);
      results.push({ step: step.name, result, seconds });
      await rm(failureMark(step), { force: true });
    } catch (thrown) {
      const error = toNakhodaError(thrown);
      report(error, order.json);
      // Without QEMU there is nothing to go on with.
      if (!order.keepGoing || step.name === 'packages') return 1;
      await writeFile(failureMark(step), '');
      context.say(`nakhoda: going on without ${step.title}; \`./nakhoda setup\` tries again`);
    }
  }
  if (order.json) process.stdout.write(`${JSON.stringify({ steps: results })}\n`);
  return 0;
}

function tellUsage({ usage, mistake }: SetupUsage, json: boolean): number {
  if (mistake === null) {
    process.stdout.write(usage);
    return 0;
  }
  report(new NakhodaError('request.invalid', { message: mistake, hint: 'See `nakhoda setup --help`.' }), json);
  return 2;
}

function report(error: NakhodaError, json: boolean): void {
  const text = json ? JSON.stringify(error.toBody()) : `nakhoda: ${error.message}\n  what to do: ${error.hint}`;
  process.stderr.write(`${text}\n`);
}

/**
 * `nakhoda setup` with these arguments; returns its exit code. Only one may run at a time for one
 * cache folder: the entry script holds the lock.
 */
export async function setUp(args: readonly string[]): Promise<number> {
  try {
    return await obey(args);
  } catch (thrown) {
    report(toNakhodaError(thrown), args.includes('--json'));
    return 1;
  }
}

async function obey(args: readonly string[]): Promise<number> {
  const order = parseSetupArguments(args);
  if ('usage' in order) return tellUsage(order, args.includes('--json'));
  const context: SetupContext = {
    env: process.env,
    checkout: fileURLToPath(new URL('../../../../', import.meta.url)),
    say: (line) => process.stderr.write(`${line}\n`),
  };
  if (!order.check) return carryOut(order, context);
  for (const step of steps) {
    if (order.steps.includes(step.name) && !(await isSettled(step, order, context))) return 1;
  }
  return 0;
}

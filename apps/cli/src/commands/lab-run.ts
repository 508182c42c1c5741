import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { endpointTable, type Client } from '@nakhoda/client';
import type { EndpointBody, LabReport } from '@nakhoda/schema';
import { NakhodaError } from '@nakhoda/schema/errors';

import { runningDaemon, startDetached, stopDaemon } from '../daemon-process.ts';
import { readFieldValue } from '../field-value.ts';
import { finishTask } from '../finish-task.ts';
import { printResult, type Invocation } from '../invocation.ts';
import { loginText } from '../login-text.ts';
import { createProgress } from '../progress.ts';
import { forgetPassword } from '../ready-file.ts';

type LabRun = EndpointBody<'lab.run'>;

export interface LabRunOptions {
  readonly out?: string;
  readonly lang?: string;
  readonly hypervisors?: string;
}

/**
 * Does the whole experiment and writes `report.json` and `report.html`. Starts a daemon when none runs, and stops that one
 * again. Gives 0 only when every check passed. Ctrl-C cancels, and waits until everything is removed.
 */
export async function labRun(invocation: Invocation, options: LabRunOptions): Promise<number> {
  const { client, data, json } = invocation;
  const body = readBody(options);
  const folder = resolve(options.out ?? `nakhoda-lab-${new Date().toISOString().slice(0, 19).replaceAll(/\D/gu, '')}`);
  // Before the experiment, which takes minutes: a folder that cannot be written to must not come as a surprise after it.
  await makeFolder(folder);
  const say = (line: string) => void (json || process.stderr.write(`${line}\n`));

  await using cleanup = new AsyncDisposableStack();
  if ((await runningDaemon(client, data)) === null) {
    say('No daemon runs: starting one for the experiment.');
    const daemon = await startDetached(client, { data, port: 0, host: '127.0.0.1' });
    cleanup.defer(async () => void (await stopDaemon(client, data)));
    if (daemon.ready !== null && daemon.ready.password !== null) {
      say(`\n${loginText(daemon)}\n`);
      forgetPassword(data, daemon.ready);
    }
  }
  const report = await carryOut(client, body, json);
  const page = await client.call('lab.report-page', {
    params: { task: report.task },
    query: body.lang === undefined ? {} : { lang: body.lang },
  });
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(report.value, null, 2)}\n`);
  await writeFile(join(folder, 'report.html'), page);
  await printResult(invocation, report.value, () => summary(report.value, folder));
  return report.value.ok ? 0 : 1;
}

async function carryOut(client: Client, body: LabRun, json: boolean): Promise<{ task: string; value: LabReport }> {
  const begun = await client.call('lab.run', { body });
  const { id } = await finishTask({ client, task: begun, progress: createProgress(json ? 'none' : 'log'), onInterrupt: 'cancel' });
  return { task: id, value: await client.call('lab.report', { params: { task: id } }) };
}

/** @throws UsageError */
function readBody({ lang, hypervisors }: LabRunOptions): LabRun {
  const fields = endpointTable['lab.run'].body?.properties ?? {};
  const read = (name: 'lang' | 'hypervisors', label: string, text: string) => {
    const schema = fields[name];
    return readFieldValue(schema?.items ?? schema ?? {}, label, text);
  };
  const list = hypervisors?.split(',').map((one) => read('hypervisors', '--hypervisors', one.trim()));
  return {
    ...(lang === undefined ? {} : { lang: read('lang', '--lang', lang) as NonNullable<LabRun['lang']> }),
    ...(list === undefined ? {} : { hypervisors: [...new Set(list)] as NonNullable<LabRun['hypervisors']> }),
  };
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new NakhodaError('setup.failed', {
      message: `The folder ${folder} cannot be made: ${cause instanceof Error ? cause.message : String(cause)}.`,
      hint: 'Name another one with --out.',
      cause,
    });
  }
}

function summary(report: LabReport, folder: string): string {
  const count = (status: string) => report.checks.filter((check) => check.status === status).length;
  const verdict = report.ok ? 'Every check passed.' : 'Not every check passed.';
  return `${verdict} ${count('passed')} passed, ${count('failed')} failed, ${count('not-measured')} not measured.\n${join(folder, 'report.json')}\n${join(folder, 'report.html')}`;
}

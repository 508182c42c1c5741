// Runs the tests: `node scripts/run-tests.ts fast|real|all [TEXT…]`. With TEXT only the files
// whose path contains one of them. `./nakhoda test` sets up the machine and calls it with `all`.
import { glob } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

interface Stage {
  readonly name: string;
  /** Each lane's files run beside those of the others; within a lane, `concurrency` of them at a time. */
  readonly lanes: readonly (readonly string[])[];
  readonly concurrency: number;
  /** Milliseconds one test may take. */
  readonly timeout: number;
}

interface Totals {
  passed: number;
  failed: number;
}

const checkout = fileURLToPath(new URL('..', import.meta.url));

const filesOf = ({ lanes }: Stage): string[] => lanes.flat();

async function find(patterns: readonly string[], texts: readonly string[]): Promise<string[]> {
  const found = await Array.fromAsync(glob(patterns, { cwd: checkout, exclude: (path) => path.includes('node_modules') }));
  return found.filter((file) => texts.length === 0 || texts.some((text) => file.includes(text))).toSorted();
}

/** Real tests use the machine's hypervisors, so only one file for each hypervisor runs at a time: its guests take one of two cores. */
async function plan(mode: string, texts: readonly string[]): Promise<Stage[]> {
  const source = '{packages,drivers,apps,guest,scripts,bench}/**';
  const beside = await find([`${source}/*.test.ts`], texts);
  const isReal = (file: string) => file.endsWith('.real.test.ts');
  const ofVirtualBox = (file: string) => file.startsWith('drivers/virtualbox/');
  const real = beside.filter(isReal);
  const realLanes = [real.filter((file) => !ofVirtualBox(file)), real.filter(ofVirtualBox)];
  const whole = await find(['test/**/*.test.ts'], texts);
  // Those with the fake driver, a browser among them, leave a core to the guests of the others.
  const stages: Stage[] = [
    { name: 'unit', lanes: [beside.filter((file) => !isReal(file))], concurrency: availableParallelism(), timeout: 60_000 },
    { name: 'real parts', lanes: realLanes, concurrency: 1, timeout: 900_000 },
    {
      name: 'end to end',
      lanes: [whole.filter(isReal), whole.filter((file) => !isReal(file))],
      concurrency: 1,
      timeout: 3_600_000,
    },
  ];
  return stages.filter(({ name }) => mode === 'all' || (mode === 'fast') === (name === 'unit'));
}

/** A skipped test counts as failed: every part it could need was set up, so nothing excuses it. */
async function runStage(stage: Stage): Promise<Totals> {
  // Tests that cannot be found have not passed.
  if (filesOf(stage).length === 0) return { passed: 0, failed: 1 };
  const lanes = stage.lanes.filter((files) => files.length > 0);
  const outputs = lanes.map(() => '');
  const totals = await Promise.all(
    lanes.map((files, lane) =>
      runFiles(files, stage, (text) => {
        // One lane is shown as it goes, the others when their time has come.
        if (lane === 0) process.stdout.write(text);
        else outputs[lane] += text;
      }),
    ),
  );
  process.stdout.write(outputs.join(''));
  return totals.reduce((sum, { passed, failed }) => ({ passed: sum.passed + passed, failed: sum.failed + failed }));
}

async function runFiles(
  files: readonly string[],
  { concurrency, timeout }: Pick<Stage, 'concurrency' | 'timeout'>,
  print: (text: string) => void,
): Promise<Totals> {
  const totals: Totals = { passed: 0, failed: 0 };
  // A test that failed may leave a timer behind, for which its process would wait for ever.
  const execArgv = ['--test-force-exit'];
  const events = run({ cwd: checkout, files: [...files], concurrency, timeout, execArgv });
  events.on('test:summary', ({ file, counts }) => {
    if (file !== undefined) return;
    totals.passed = counts.passed;
    totals.failed = counts.tests - counts.passed;
  });
  for await (const text of events.compose(new spec())) print(String(text));
  return totals;
}

async function main(mode: string, texts: readonly string[]): Promise<number> {
  if (!['fast', 'real', 'all'].includes(mode)) {
    process.stderr.write('Usage: node scripts/run-tests.ts fast|real|all [TEXT…]\n');
    return 2;
  }
  if (mode !== 'fast') process.env['NAKHODA_REQUIRED'] ??= 'qemu,virtualbox,qemu10';
  const stages = (await plan(mode, texts)).filter((stage) => texts.length === 0 || filesOf(stage).length > 0);
  if (stages.length === 0) {
    process.stderr.write(`No test file matches ${texts.map((text) => JSON.stringify(text)).join(', ')}.\n`);
    return 2;
  }
  const lines: string[] = [];
  const sum: Totals = { passed: 0, failed: 0 };
  for (const stage of stages) {
    const begun = performance.now();
    const { passed, failed } = await runStage(stage);
    sum.passed += passed;
    sum.failed += failed;
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    lines.push(`${stage.name}: ${passed} passed, ${failed} failed in ${filesOf(stage).length} files, ${seconds} s`);
  }
  process.stdout.write(`\n${lines.join('\n')}\n${sum.passed} passed, ${sum.failed} failed\n`);
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
}

const [mode = '', ...texts] = process.argv.slice(2);
process.exitCode = await main(
  mode,
  texts.map((text) => relative('', text)),
);

import { buildProgram } from './program.ts';
import { reportFailure } from './report-failure.ts';
import { usageFailure } from './usage-failure.ts';

/** Carries out one command line and gives the exit code: 0 done, 1 failed, 2 wrong usage, or what the command itself says. */
export async function run(argv: readonly string[]): Promise<number> {
  const ownArguments = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const json = ownArguments.includes('--json');
  // A reader that has seen enough, such as `head`, is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  let exitCode = 0;
  try {
    await buildProgram({ json, setExitCode: (code) => (exitCode = code) }).parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    const usage = usageFailure(thrown);
    if (usage === 'help') return 0;
    return reportFailure(usage ?? thrown, json);
  }
}

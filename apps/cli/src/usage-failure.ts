import { CommanderError } from 'commander';

import { UsageError } from './usage-error.ts';

/** What Commander threw, in our form: `help` when help or the version was asked for; null when it is not Commander's. */
export function usageFailure(thrown: unknown): UsageError | 'help' | null {
  if (!(thrown instanceof CommanderError)) return null;
  if (thrown.exitCode === 0) return 'help';
  const [first = '', ...rest] = thrown.message.replace(/^error: /u, '').split('\n');
  const suggestion = rest.join(' ').replaceAll(/[()]/gu, '').trim();
  // The help has been printed: a noun without its verb.
  if (thrown.code === 'commander.help') return new UsageError('A command is missing.', 'Choose one of those above.');
  const hint =
    suggestion === '' ? 'See `nakhoda --help`, or --help behind the command.' : `${suggestion} \`nakhoda --help\` lists every command.`;
  return new UsageError(`${first.charAt(0).toUpperCase()}${first.slice(1)}.`, hint);
}

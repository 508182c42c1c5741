import type { Command } from 'commander';

const groups: readonly { readonly title: string; readonly words: readonly string[] }[] = [
  { title: 'Daemon', words: ['up', 'down', 'host'] },
  { title: 'Virtual machines', words: ['vm', 'console', 'snapshot'] },
  { title: 'Networks and storage', words: ['network', 'storage'] },
  { title: 'Tasks and access', words: ['task', 'token'] },
  { title: 'Experiment', words: ['lab'] },
];

/** The help of the whole program: every command with its arguments, by groups. */
export function rootHelp(program: Command): string {
  const leaves = program.commands.flatMap((command) => (command.commands.length === 0 ? [command] : [...command.commands]));
  const entries = leaves.map((command) => ({
    top: topWord(program, command),
    line: callOf(program, command),
    summary: command.description(),
  }));
  const width = Math.max(...entries.map(({ line }) => line.length));
  const known = new Set(groups.flatMap(({ words }) => words));
  const others = { title: 'Other', words: entries.map(({ top }) => top).filter((top) => !known.has(top)) };
  const sections = [...groups, others]
    .map(({ title, words }) => ({
      title,
      lines: entries.filter(({ top }) => words.includes(top)).map(({ line, summary }) => `  ${line.padEnd(width)}  ${summary}`),
    }))
    .filter(({ lines }) => lines.length > 0)
    .map(({ title, lines }) => `${title}\n${lines.join('\n')}`);
  return `Nakhoda: one captain for many hypervisors

Usage: nakhoda NOUN VERB [NAME] [--flags]

${sections.join('\n\n')}

Everywhere
  --json        print the API's object; errors as {"code", "message", "hint"} on standard error
  --data DIR    data folder of the daemon to talk to; NAKHODA_DATA does the same
  --help        behind a command: its arguments and flags
  --version     print the version

From a checkout also: ./nakhoda setup [virtualbox|guest], ./nakhoda test.
VM means a VM's name or vmid. Exit codes: 0 done, 1 failed, 2 wrong usage; vm exec: the command's own.

Example
  nakhoda network create lab --cidr 10.77.0.0/24 --dhcp
  nakhoda vm create web --hypervisor qemu --cdrom tiny --network lab --start
  nakhoda vm exec web -- uname -a
`;
}

function topWord(program: Command, command: Command): string {
  return command.parent === null || command.parent === program ? command.name() : command.parent.name();
}

function callOf(program: Command, command: Command): string {
  const words = command.parent === null || command.parent === program ? [command.name()] : [command.parent.name(), command.name()];
  const places = command.registeredArguments.map((one) => {
    const name = one.variadic ? `-- ${one.name()}…` : one.name();
    return one.required ? name : `[${name}]`;
  });
  const needed = command.options.filter((option) => option.mandatory).map((option) => option.flags.replaceAll(/[<>]/gu, ''));
  return [...words, ...places, ...needed].join(' ');
}

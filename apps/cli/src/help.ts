import type { Command } from 'commander';

const groups: readonly { readonly title: string; readonly words: readonly string[] }[] = [
  { title: 'Daemon', words: ['up', 'down', 'host'] },
  { title: 'Virtual machines', words: ['vm', 'disk', 'nic', 'console', 'snapshot', 'foreign'] },
  { title: 'Networks and storage', words: ['network', 'storage'] },
  { title: 'Tasks and access', words: ['task', 'token', 'password'] },
  { title: 'Experiment', words: ['lab'] },
];

const examples: Readonly<Record<string, string>> = {
  'up': 'nakhoda up --detach --port 8006',
  'down': 'nakhoda down',
  'host check': 'nakhoda host check --json',
  'vm create': 'nakhoda vm create web --hypervisor qemu --memory 256 --cdrom tiny --network lab --start',
  'vm list': 'nakhoda vm list --hypervisor virtualbox',
  'vm show': 'nakhoda vm show web',
  'vm start': 'nakhoda vm start web',
  'vm shutdown': 'nakhoda vm shutdown web --timeout 60',
  'vm stop': 'nakhoda vm stop 100',
  'vm import': 'nakhoda vm import /srv/old/web.vmdk --hypervisor qemu --name web --memory 1024 --network lab',
  'vm adopt': "nakhoda vm adopt ann/'web server' --name web --network lab",
  'vm release': 'nakhoda vm release web',
  'foreign users add': 'nakhoda foreign users add ann',
  'foreign list': 'nakhoda foreign list',
  'vm set': 'nakhoda vm set web --memory 1024 --autostart yes --tags lab,week-3',
  'vm revert': 'nakhoda vm revert web',
  'vm suspend': 'nakhoda vm suspend web',
  'vm destroy': 'nakhoda vm destroy web',
  'disk list': 'nakhoda disk list web',
  'disk unused': 'nakhoda disk unused web',
  'disk attach': 'nakhoda disk attach web unused1 --bus virtio',
  'disk delete': 'nakhoda disk delete web unused1',
  'disk add': 'nakhoda disk add web --size 20 --ssd yes',
  'disk set': 'nakhoda disk set web disk1 --cache writeback --iops-limit 500',
  'disk resize': 'nakhoda disk resize web disk0 --size 40',
  'disk remove': 'nakhoda disk remove web disk1',
  'nic add': 'nakhoda nic add web --network lab',
  'nic set': 'nakhoda nic set web net0 --link no',
  'nic remove': 'nakhoda nic remove web net1',
  'vm exec': 'nakhoda vm exec web -- ls -l /data',
  'vm guest': 'nakhoda vm guest web',
  'vm file read': 'nakhoda vm file read web /etc/hosts --out hosts',
  'vm file write': 'nakhoda vm file write web /root/key --from key --mode 0600',
  'vm freeze': 'nakhoda vm freeze web --seconds 30',
  'vm password': 'nakhoda vm password web root <password-file',
  'vm type': "nakhoda vm type web 'root' --enter",
  'vm keys': 'nakhoda vm keys web ctrl-alt-delete',
  'vm screenshot': 'nakhoda vm screenshot web --out web.png',
  'console': 'nakhoda console web',
  'snapshot take': 'nakhoda snapshot take web before-upgrade --memory',
  'snapshot list': 'nakhoda snapshot list web',
  'snapshot rollback': 'nakhoda snapshot rollback web before-upgrade',
  'snapshot delete': 'nakhoda snapshot delete web before-upgrade',
  'network create': 'nakhoda network create lab --cidr 10.77.0.0/24 --dhcp',
  'network show': 'nakhoda network show lab',
  'network delete': 'nakhoda network delete lab',
  'task list': 'nakhoda task list --state failed --limit 10',
  'token create': 'nakhoda token create backup-script',
  'lab run': 'nakhoda lab run --out report --lang id',
};

/** One call of the command as somebody would type it, or null where the usage says it all. */
export function exampleOf(program: Command, command: Command): string | null {
  return examples[wordsOf(program, command).join(' ')] ?? null;
}

/** The help of the whole program: every command with its arguments, by groups. */
export function rootHelp(program: Command): string {
  const leaves = leavesOf(program);
  const entries = leaves.map((command) => ({
    top: wordsOf(program, command)[0] ?? '',
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

From a checkout also: ./nakhoda setup [virtualbox|guest], ./nakhoda test, and up --no-setup, which leaves VirtualBox
and the tiny guest for a later ./nakhoda setup.
VM means a VM's name or vmid. Exit codes: 0 done, 1 failed, 2 wrong usage; vm exec: the command's own.

Example
  nakhoda network create lab --cidr 10.77.0.0/24 --dhcp
  nakhoda vm create web --hypervisor qemu --cdrom tiny --network lab --start
  nakhoda vm exec web -- uname -a
`;
}

/** The commands that do something, in their order. */
export function leavesOf(command: Command): Command[] {
  return command.commands.flatMap((one) => (one.commands.length === 0 ? [one] : leavesOf(one)));
}

function wordsOf(program: Command, command: Command): string[] {
  return command.parent === null || command.parent === program ? [command.name()] : [...wordsOf(program, command.parent), command.name()];
}

function callOf(program: Command, command: Command): string {
  const places = command.registeredArguments.map((one) => {
    const name = one.variadic ? `-- ${one.name()}…` : one.name();
    return one.required ? name : `[${name}]`;
  });
  const needed = command.options.filter((option) => option.mandatory).map((option) => option.flags.replaceAll(/[<>]/gu, ''));
  return [...wordsOf(program, command), ...places, ...needed].join(' ');
}

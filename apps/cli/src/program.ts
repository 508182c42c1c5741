import { readFileSync } from 'node:fs';

import { createClient, endpointTable } from '@nakhoda/client';
import type { EndpointId } from '@nakhoda/schema';
import { Command } from 'commander';

import { dataFolder, socketPath } from './data-folder.ts';
import { exampleOf, leavesOf, rootHelp } from './help.ts';
import type { Invocation } from './invocation.ts';
import { describeField, requestOf, tableCommand, type TableCommand } from './table-command.ts';

/** Does a command's work; a number it gives is the exit code. */
type Work = (invocation: Invocation) => Promise<number | void>;

/**
 * All commands: those of the endpoint table, and the few that are more than one request. What only one command
 * needs is loaded when that command runs, so that `vm list` starts quickly.
 */
export function buildProgram({ json, setExitCode }: { json: boolean; setExitCode(code: number): void }): Command {
  const program = new Command('nakhoda')
    .description('One captain for many hypervisors')
    .option('--json', "print the API's object; errors as JSON on standard error")
    .option('--data <DIR>', 'data folder of the daemon to talk to (default: NAKHODA_DATA, or one for each user)')
    .version(readVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ showGlobalOptions: true })
    // Errors are told by `reportFailure`; with `--json` they are all that standard error gets.
    .configureOutput({ outputError: () => undefined, ...(json ? { writeErr: () => undefined } : {}) })
    .exitOverride();
  program.helpInformation = () => rootHelp(program);

  const start = async (work: Work) => {
    const data = dataFolder(program.opts<{ data?: string }>().data);
    const client = createClient({ socketPath: socketPath(data) });
    const code = await work({ json, data, client });
    if (typeof code === 'number') setExitCode(code);
  };

  addDaemonCommands(program, start);
  for (const [id, endpoint] of Object.entries(endpointTable) as [EndpointId, (typeof endpointTable)[EndpointId]][]) {
    const command = tableCommand(id, endpoint);
    if (command !== null) addTableCommand(program, command, endpoint.answer === 'task', start);
  }
  addGuestCommands(program, start);
  addDisplayCommands(program, start);
  addExamples(program);
  return program;
}

type Start = (work: Work) => Promise<void>;

/** The command of these words, with the commands above it; one that is there already is reused. */
function place(program: Command, words: readonly string[]): Command {
  return words.reduce((parent, word) => {
    const known = parent.commands.find((command) => command.name() === word);
    if (known !== undefined) return known;
    const made = parent.command(word).copyInheritedSettings(program);
    made.description(nouns[word] ?? '');
    return made;
  }, program);
}

function addExamples(program: Command): void {
  for (const command of leavesOf(program)) {
    const example = exampleOf(program, command);
    if (example !== null) command.addHelpText('after', `\nExample:\n  ${example}`);
  }
}

const nouns: Readonly<Record<string, string>> = {
  host: 'What this host can do',
  vm: 'Virtual machines',
  foreign: 'VMs that users of this host have in VirtualBox',
  users: 'Whose VMs are looked at',
  file: 'Files of a guest',
  disk: 'Disks of a VM',
  nic: 'Network cards of a VM',
  snapshot: 'Points in time of a VM',
  network: 'Networks that guests share',
  storage: 'Where disks and images are',
  task: 'What the daemon does and has done',
  token: 'Bearer tokens for programs',
  lab: 'The whole experiment',
};

function addTableCommand(program: Command, command: TableCommand, isTask: boolean, start: Start): void {
  const made = place(program, command.words).description(command.summary);
  for (const field of command.fields) {
    if (field.positional) {
      made.argument(field.required ? `<${field.label}>` : `[${field.label}]`, describeField(field));
      continue;
    }
    const flag = field.placeholder === null ? field.label : `${field.label} <${field.placeholder}>`;
    if (field.required) made.requiredOption(flag, describeField(field));
    else made.option(flag, describeField(field));
  }
  made.action(async () => {
    const positional = command.fields.filter((field) => field.positional).map((field, index) => [field.name, made.args[index]]);
    const flags: Record<string, string | boolean | undefined> = made.opts();
    // Commander keeps a flag under its own name in camel case.
    const named = command.fields
      .filter((field) => !field.positional)
      .map((field) => [field.name, flags[field.label.slice(2).replaceAll(/-([a-z])/gu, (_match, letter: string) => letter.toUpperCase())]]);
    const parts = requestOf(command, Object.fromEntries([...positional, ...named]));
    await start(async (invocation) => {
      const { callAndPrint } = await import('./call-and-print.ts');
      await callAndPrint(invocation, { id: command.id, parts, isTask, showLog: command.showLog });
    });
  });
}

function addDaemonCommands(program: Command, start: Start): void {
  place(program, ['up'])
    .description('Start the daemon: in the foreground, or with --detach in the background')
    .option('--detach', 'return once it answers')
    .option('--port <N>', 'TCP port of the page and the HTTPS API (default: 8006)')
    .option('--host <ADDRESS>', 'address that they listen on (default: 0.0.0.0, every address of this host)')
    .action((options: { detach?: boolean; port?: string; host?: string }) =>
      start(async (invocation) => (await import('./commands/up.ts')).up(invocation, options)),
    );
  place(program, ['down'])
    .description('Stop the daemon; VMs go on running')
    .action(() => start(async (invocation) => (await import('./commands/down.ts')).down(invocation)));
  place(program, ['host', 'check'])
    .description('Tell what this host can do, and what is missing')
    .action(() => start(async (invocation) => (await import('./commands/host-check.ts')).hostCheck(invocation)));
}

function addGuestCommands(program: Command, start: Start): void {
  place(program, ['vm', 'exec'])
    .description("Run a command in the guest; exits with the command's own code")
    .usage('VM [--timeout SECONDS] [--stdin] -- CMD [ARG…]')
    .argument('<VM>', "a VM's name or vmid")
    .argument('<CMD...>', 'the command and its arguments, behind --')
    .option('--timeout <SECONDS>', 'seconds that the command may take')
    .option('--stdin', 'give it what comes on standard input, up to 64 KiB')
    .action((vm: string, argv: string[], { timeout, stdin = false }: { timeout?: string; stdin?: boolean }) =>
      start(async (invocation) => (await import('./commands/exec.ts')).exec(invocation, { vm, argv, timeout, stdin })),
    );
  addGuestFileCommands(program, start);
  place(program, ['console'])
    .description('Open the serial console in this terminal; Ctrl-] leaves')
    .argument('<VM>', "a VM's name or vmid")
    .action((vm: string) => start(async (invocation) => (await import('./commands/console.ts')).openVmConsole(invocation, vm)));
  place(program, ['task', 'follow'])
    .description('Watch a task until it ends')
    .argument('<TASK>', 'its id')
    .action((task: string) => start(async (invocation) => (await import('./commands/follow.ts')).follow(invocation, task)));
  place(program, ['lab', 'run'])
    .description('Repeat the whole experiment on real guests, and write its report')
    .option('--out <DIR>', 'folder for report.json and report.html (default: nakhoda-lab-DATE here)')
    .option('--lang <id|en>', 'language of the report: Indonesian or English (default: en)')
    .option('--hypervisors <LIST>', 'with commas between (default: qemu,virtualbox)')
    .action((options: { out?: string; lang?: string; hypervisors?: string }) =>
      start(async (invocation) => (await import('./commands/lab-run.ts')).labRun(invocation, options)),
    );
}

function addGuestFileCommands(program: Command, start: Start): void {
  const commands = () => import('./commands/guest-file.ts');
  place(program, ['vm', 'file', 'read'])
    .description('Print a file of the guest, or keep it; up to 512 KiB')
    .argument('<VM>', "a VM's name or vmid")
    .argument('<PATH>', 'absolute, in the guest')
    .option('--out <FILE>', 'keep it in this file instead')
    .action((vm: string, path: string, options: { out?: string }) =>
      start(async (invocation) => (await commands()).readGuestFile(invocation, { vm, path, ...options })),
    );
  place(program, ['vm', 'file', 'write'])
    .description('Write a file into the guest, or over one; up to 512 KiB')
    .argument('<VM>', "a VM's name or vmid")
    .argument('<PATH>', 'absolute, in the guest')
    .requiredOption('--from <FILE>', 'its content; - for standard input')
    .option('--mode <OCTAL>', 'its permissions, such as 0600')
    .action((vm: string, path: string, options: { from: string; mode?: string }) =>
      start(async (invocation) => (await commands()).writeGuestFile(invocation, { vm, path, ...options })),
    );
  place(program, ['vm', 'password'])
    .description("Set a user's password in the guest; it comes on standard input")
    .argument('<VM>', "a VM's name or vmid")
    .argument('<USER>', 'a user of the guest')
    .option('--crypted', 'the password is a crypt(3) hash already')
    .action((vm: string, user: string, { crypted = false }: { crypted?: boolean }) =>
      start(async (invocation) => (await commands()).setGuestPassword(invocation, { vm, user, crypted })),
    );
}

function addDisplayCommands(program: Command, start: Start): void {
  place(program, ['vm', 'screenshot'])
    .description('Write a picture of the screen into a PNG file')
    .argument('<VM>', "a VM's name or vmid")
    .requiredOption('--out <FILE>', 'file to write, or to write anew')
    .action((vm: string, options: { out: string }) =>
      start(async (invocation) => (await import('./commands/screenshot.ts')).screenshot(invocation, { vm, ...options })),
    );
  place(program, ['vm', 'keys'])
    .description('Press combinations of keys, one after another')
    .usage('VM KEYS…')
    .argument('<VM>', "a VM's name or vmid")
    .argument('<KEYS...>', 'names of keys joined with hyphens, for example ctrl-alt-delete')
    .action((vm: string, keys: string[]) =>
      start(async (invocation) => (await import('./commands/press-keys.ts')).pressKeys(invocation, { vm, keys })),
    );
}

function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}

import type { EndpointId, EndpointResult, HostCheck, Network, Snapshot, Task } from '@nakhoda/schema';

import { renderForeign, renderForeignUsers } from './render-foreign.ts';
import { renderGuest } from './render-guest.ts';
import { renderDisks, renderNics, renderUnused, renderVm } from './render-vm.ts';
import { snapshotTree } from './snapshot-tree.ts';
import { bytes, duration, keyValues, mebibytes, moment, printable, textTable } from './text.ts';

type Renderers = { readonly [Id in EndpointId]?: (value: EndpointResult<Id>) => string };

/** An answer as a person reads it, without a line end. */
export function renderHuman(id: EndpointId, value: unknown): string {
  const render = renderers[id] as ((value: unknown) => string) | undefined;
  return render === undefined ? renderAny(value) : render(value);
}

const renderers: Renderers = {
  'vm.list': (vms) =>
    vms.length === 0
      ? 'There is no VM. Make one: nakhoda vm create NAME --hypervisor qemu|virtualbox'
      : textTable(
          ['VMID', 'NAME', 'HYPERVISOR', 'STATE', 'CORES', 'MEMORY', 'ADDRESSES', 'UPTIME'],
          vms.map((vm) => [
            String(vm.vmid),
            vm.name,
            vm.hypervisor,
            vm.state,
            String(vm.cores),
            mebibytes(vm.memoryMiB),
            vm.addresses.join(', ') || '-',
            vm.uptimeSeconds > 0 ? duration(vm.uptimeSeconds) : '-',
          ]),
        ),
  'vm.show': renderVm,
  'vm.guest': renderGuest,
  'vm.guest.freeze': ({ fileSystems, thawBy }) => `${fileSystems} file systems stand still, until ${moment(thawBy)} UTC at the latest.`,
  'vm.guest.thaw': ({ fileSystems }) => (fileSystems === 0 ? 'Nothing was frozen.' : `${fileSystems} file systems go on.`),
  'vm.type': ({ pressed }) => pressedText(pressed),
  'vm.keys': ({ pressed }) => pressedText(pressed),
  'foreign.list': renderForeign,
  'foreign.users': renderForeignUsers,
  'disk.list': renderDisks,
  'disk.unused': renderUnused,
  'nic.list': renderNics,
  'snapshot.list': (snapshots: Snapshot[]) => snapshotTree(snapshots).map(printable).join('\n'),
  'network.list': (networks) =>
    networks.length === 0
      ? 'There is no network. Make one: nakhoda network create lab --cidr 10.77.0.0/24 --dhcp'
      : textTable(
          ['NAME', 'CIDR', 'GATEWAY', 'DHCP', 'BRIDGE', 'STATE'],
          networks.map((network) => [
            network.name,
            network.cidr,
            network.gateway,
            network.dhcp === null ? 'no' : 'yes',
            network.bridge,
            network.state,
          ]),
        ),
  'network.show': renderNetwork,
  'storage.list': (pools) =>
    textTable(
      ['NAME', 'KIND', 'PATH', 'FREE', 'TOTAL', 'CONTENT'],
      pools.map((pool) => [pool.name, pool.kind, pool.path, bytes(pool.freeBytes), bytes(pool.totalBytes), pool.content.join(', ')]),
    ),
  'task.list': (tasks) =>
    tasks.length === 0
      ? 'There is no task.'
      : textTable(
          ['TASK', 'STATE', 'STARTED (UTC)', 'TOOK', 'USER', 'TITLE'],
          tasks.map((task) => [task.id, task.state, moment(task.startedAt), took(task), task.user, task.title]),
        ),
  'task.show': renderTask,
  'task.cancel': (task) => `${printable(task.title)}: ${task.state}`,
  'task.retry': (task) => `${printable(task.title)}: ${task.state}`,
  'host.check': renderHostCheck,
  'password.reset': ({ user, password }) =>
    `${keyValues([
      ['user', user],
      ['password', password],
    ])}\n\nKeep it now: it is not shown again. Every session has ended.`,
  'token.create': (token) =>
    `${keyValues([
      ['name', token.name],
      ['id', token.id],
      ['token', token.token],
    ])}\n\nKeep the token now: it is not shown again.`,
  'token.list': (tokens) =>
    tokens.length === 0
      ? 'There is no token. Make one: nakhoda token create NAME'
      : textTable(
          ['ID', 'NAME', 'CREATED (UTC)'],
          tokens.map((token) => [token.id, token.name, moment(token.createdAt)]),
        ),
  'token.delete': () => 'The token is revoked.',
};

function pressedText(pressed: number): string {
  return pressed === 1 ? 'Pressed one combination of keys.' : `Pressed ${pressed} combinations of keys, one after another.`;
}

function renderNetwork(network: Network): string {
  const facts = keyValues([
    ['name', network.name],
    ['state', network.stateReason === undefined ? network.state : `${network.state}: ${network.stateReason}`],
    ['node', network.node],
    ['cidr', network.cidr],
    ['gateway', network.gateway],
    ['dhcp', network.dhcp === null ? 'no' : `${network.dhcp.from} to ${network.dhcp.to}`],
    ['bridge', network.bridge],
    ['created', moment(network.createdAt)],
  ]);
  if (network.addresses.length === 0) return facts;
  const rows = network.addresses.map((lease) => [
    lease.address,
    lease.mac,
    lease.vmid === undefined ? '-' : String(lease.vmid),
    lease.source,
  ]);
  return `${facts}\n\n${textTable(['ADDRESS', 'MAC', 'VMID', 'KNOWN FROM'], rows)}`;
}

function renderTask(task: Task): string {
  const facts = keyValues([
    ['task', task.id],
    ['title', task.title],
    ['state', task.state],
    ['target', task.target ?? ''],
    ['user', task.user],
    ['created', moment(task.createdAt)],
    ['took', took(task)],
    ['progress', `${Math.round(task.progress * 100)} %`],
    ['error', task.error === null ? '' : `${task.error.message} (${task.error.code})`],
    ['what to do', task.error?.hint ?? ''],
  ]);
  if (task.steps.length === 0) return facts;
  const rows = task.steps.map((step) => [
    step.name,
    step.state,
    step.startedAt && step.endedAt ? spanned(step.startedAt, step.endedAt) : '-',
  ]);
  return `${facts}\n\n${textTable(['STEP', 'STATE', 'TOOK'], rows)}`;
}

function renderHostCheck(check: HostCheck): string {
  const signs = { good: '✓', limited: '!', missing: '✗', information: '·' };
  return check.facts
    .flatMap((fact) => [
      `${signs[fact.status]} ${printable(fact.title)}: ${printable(fact.value)}`,
      ...(fact.reason === '' ? [] : [`    ${printable(fact.reason)}`]),
      ...(fact.remedy === undefined ? [] : [`    what to do: ${printable(fact.remedy)}`]),
    ])
    .join('\n');
}

/** Anything else: lists as tables, objects as keys and values, of their plain fields. */
function renderAny(value: unknown): string {
  if (Array.isArray(value)) {
    const rows = value.filter((row): row is Record<string, unknown> => typeof row === 'object' && row !== null);
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row).filter((key) => typeof row[key] !== 'object')))];
    if (rows.length === 0) return 'There is nothing.';
    return textTable(
      columns.map((column) => column.toUpperCase()),
      rows.map((row) => columns.map((column) => plainText(row[column]))),
    );
  }
  if (typeof value !== 'object' || value === null) return printable(String(value));
  const plain = Object.entries(value).filter(([, one]) => typeof one !== 'object');
  return plain.length === 0 ? 'Done.' : keyValues(plain.map(([key, one]) => [key, plainText(one)]));
}

function plainText(value: unknown): string {
  return value === undefined || value === null ? '-' : typeof value === 'string' ? value : JSON.stringify(value);
}

function took(task: Task): string {
  return task.startedAt === null ? '-' : spanned(task.startedAt, task.endedAt ?? new Date().toISOString());
}

function spanned(from: string, to: string): string {
  const seconds = (Date.parse(to) - Date.parse(from)) / 1000;
  return seconds < 60 ? `${Math.max(0, seconds).toFixed(1)} s` : duration(seconds);
}

import { Type } from 'typebox';

import { endpoint } from '../endpoint.ts';
import { NetworkName, Vmid, VmName } from '../names.ts';
import { Task } from '../task.ts';
import { VmParams } from './vm.ts';

const closed = { additionalProperties: false } as const;

/** A local user's name, by what useradd takes. */
const UserName = Type.String({
  pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,31}$',
  maxLength: 32,
  description: "a local user's name",
});

const FolderName = Type.String({
  pattern: '^/[^\\u0000-\\u001f]*$',
  maxLength: 4096,
  description: "absolute path of the user's VirtualBox settings, where they do not lie in ~/.config/VirtualBox or ~/.VirtualBox",
});

/** A user whose VMs are looked at. */
export const ForeignUser = Type.Object({ user: UserName, settings: Type.Union([FolderName, Type.Null()]) }, closed);
export type ForeignUser = Type.Static<typeof ForeignUser>;

/** A VM of another manager, as far as it can be told by reading its files. */
export const ForeignVm = Type.Object(
  {
    user: Type.String(),
    name: Type.String({ description: 'as its own manager calls it; empty where its file cannot be read' }),
    uuid: Type.String(),
    file: Type.String({ description: 'its settings file' }),
    state: Type.Union([
      Type.Literal('stopped'),
      Type.Literal('aborted'),
      Type.Literal('saved'),
      Type.Literal('running'),
      Type.Literal('unknown'),
    ]),
    osType: Type.String(),
    cores: Type.Integer(),
    memoryMiB: Type.Integer(),
    disks: Type.Array(
      Type.Object({ path: Type.String(), format: Type.String(), sizeBytes: Type.Union([Type.Integer(), Type.Null()]) }, closed),
    ),
    snapshots: Type.Integer(),
    adoptable: Type.Boolean(),
    reasons: Type.Array(Type.String(), { description: 'why it cannot be adopted; whole sentences' }),
  },
  closed,
);
export type ForeignVm = Type.Static<typeof ForeignVm>;

export const ForeignList = Type.Object(
  {
    vms: Type.Array(ForeignVm),
    problems: Type.Array(Type.Object({ user: Type.String(), message: Type.String() }, closed), {
      description: 'users whose VMs could not be looked at, and why',
    }),
  },
  closed,
);
export type ForeignList = Type.Static<typeof ForeignList>;

export const VmAdopt = Type.Object(
  {
    machine: Type.String({
      pattern: '^[A-Za-z_][A-Za-z0-9_.-]{0,31}/[^\\u0000-\\u001f/]{1,255}$',
      maxLength: 288,
      description: "USER/NAME or USER/UUID of another user's VM",
    }),
    name: Type.Optional(VmName),
    vmid: Type.Optional(Vmid),
    network: Type.Optional(NetworkName),
  },
  closed,
);
export type VmAdopt = Type.Static<typeof VmAdopt>;

export const foreignEndpoints = {
  'foreign.users': endpoint({
    method: 'GET',
    path: '/foreign/users',
    result: Type.Array(ForeignUser),
    errors: [],
    permission: 'Sys.Audit',
    summary: 'List the local users whose VirtualBox VMs are looked at',
    cli: { words: ['foreign', 'users', 'list'] },
  }),
  'foreign.users.add': endpoint({
    method: 'POST',
    path: '/foreign/users',
    body: Type.Object({ user: UserName, settings: Type.Optional(FolderName) }, closed),
    result: ForeignUser,
    errors: ['foreign.user-not-found'],
    permission: 'Sys.Modify',
    summary: "Name a local user whose VirtualBox VMs are looked at; nothing of the user's is changed",
    cli: { words: ['foreign', 'users', 'add'], positional: ['user'] },
  }),
  'foreign.users.remove': endpoint({
    method: 'DELETE',
    path: '/foreign/users/:user',
    params: Type.Object({ user: UserName }, closed),
    result: ForeignUser,
    errors: ['foreign.user-not-found'],
    permission: 'Sys.Modify',
    summary: "Look at a local user's VirtualBox VMs no more",
    cli: { words: ['foreign', 'users', 'remove'], positional: ['user'] },
  }),
  'foreign.list': endpoint({
    method: 'GET',
    path: '/foreign/vms',
    result: ForeignList,
    errors: [],
    // It reads other users' files.
    permission: 'Sys.Modify',
    summary: "List the VirtualBox VMs of the named users, by reading the users' files alone",
    cli: { words: ['foreign', 'list'] },
  }),
  'vm.adopt': endpoint({
    method: 'POST',
    path: '/vms/adopt',
    body: VmAdopt,
    result: Task,
    answer: 'task',
    errors: [
      'foreign.not-found',
      'foreign.user-not-found',
      'foreign.not-adoptable',
      'vm.name-taken',
      'vm.vmid-taken',
      'vm.mac-taken',
      'vm.spec-invalid',
      'hypervisor.unusable',
      'network.not-found',
    ],
    permission: 'Sys.Modify',
    summary: "Make another user's VirtualBox VM one of Nakhoda's, with its disks and snapshots where they are",
    cli: { words: ['vm', 'adopt'], positional: ['machine'], showLog: true },
  }),
  'vm.release': endpoint({
    method: 'POST',
    path: '/vms/:vm/release',
    params: VmParams,
    result: Task,
    answer: 'task',
    errors: ['vm.not-found', 'vm.wrong-state', 'vm.protected', 'foreign.not-adopted', 'foreign.not-adoptable'],
    permission: 'Sys.Modify',
    summary: 'Give an adopted VM back to its user, with all that became of it',
    cli: { words: ['vm', 'release'], positional: ['vm'], showLog: true },
  }),
};

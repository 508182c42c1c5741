import { Type } from 'typebox';

import { base64Of } from '../base64-field.ts';
import { endpoint } from '../endpoint.ts';
import { GuestInfo } from '../guest-info.ts';
import { freezeSeconds, guestFileLimitBytes } from '../guest-limits.ts';
import { VmParams } from './vm.ts';

const closed = { additionalProperties: false } as const;

/** Of a Unix or a Windows. */
const GuestPath = Type.String({
  pattern: '^(/|[A-Za-z]:[/\\\\])[^\\u0000]*$',
  maxLength: 4096,
  description: 'an absolute path in the guest',
});

export const GuestFile = Type.Object(
  {
    path: GuestPath,
    sizeBytes: Type.Integer({ minimum: 0 }),
    data: Type.String({ description: 'the content as base64' }),
  },
  closed,
);
export type GuestFile = Type.Static<typeof GuestFile>;

export const FreezeState = Type.Object(
  {
    frozen: Type.Boolean(),
    fileSystems: Type.Integer({ minimum: 0, description: 'how many were frozen, or thawed' }),
    thawBy: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], { description: 'when the daemon thaws them by itself' }),
  },
  closed,
);
export type FreezeState = Type.Static<typeof FreezeState>;

const unreachable = ['vm.not-found', 'vm.unsupported', 'guest.not-running', 'guest.no-agent', 'guest.timeout'] as const;

export const vmGuestEndpoints = {
  'vm.guest': endpoint({
    method: 'GET',
    path: '/vms/:vm/guest',
    params: VmParams,
    result: GuestInfo,
    errors: ['vm.not-found', 'vm.unsupported', 'guest.not-running', 'guest.timeout'],
    permission: 'VM.GuestAgent.Audit',
    summary: 'Show what the guest says of itself',
    cli: { words: ['vm', 'guest'], positional: ['vm'] },
  }),
  'vm.file.read': endpoint({
    method: 'GET',
    path: '/vms/:vm/guest/file',
    params: VmParams,
    query: Type.Object({ path: GuestPath }, closed),
    result: GuestFile,
    errors: [...unreachable, 'guest.file-failed'],
    permission: 'VM.GuestAgent.FileRead',
    summary: 'Read a file in the guest, up to 512 KiB',
  }),
  'vm.file.write': endpoint({
    method: 'POST',
    path: '/vms/:vm/guest/file',
    params: VmParams,
    body: Type.Object(
      {
        path: GuestPath,
        data: base64Of(guestFileLimitBytes, 'the content'),
        mode: Type.Optional(
          Type.String({ pattern: '^[0-7]{3,4}$', description: "permissions in octal such as 0600; default the guest's own" }),
        ),
      },
      closed,
    ),
    result: Type.Object({ path: GuestPath, sizeBytes: Type.Integer({ minimum: 0 }) }, closed),
    errors: [...unreachable, 'guest.file-failed'],
    permission: 'VM.GuestAgent.FileWrite',
    summary: 'Write a file in the guest, up to 512 KiB',
  }),
  'vm.guest.freeze': endpoint({
    method: 'POST',
    path: '/vms/:vm/guest/freeze',
    params: VmParams,
    body: Type.Object(
      {
        seconds: Type.Optional(
          Type.Integer({ minimum: 1, maximum: freezeSeconds.most, description: 'thaw after so many seconds, default 60' }),
        ),
      },
      closed,
    ),
    result: FreezeState,
    errors: [...unreachable, 'guest.refused'],
    permission: 'VM.GuestAgent.FileSystemMgmt',
    summary: "Make the guest's file systems stand still, for a limited time",
    cli: { words: ['vm', 'freeze'], positional: ['vm'] },
  }),
  'vm.guest.thaw': endpoint({
    method: 'POST',
    path: '/vms/:vm/guest/thaw',
    params: VmParams,
    result: FreezeState,
    errors: [...unreachable, 'guest.refused'],
    permission: 'VM.GuestAgent.FileSystemMgmt',
    summary: "Let the guest's file systems go on",
    cli: { words: ['vm', 'thaw'], positional: ['vm'] },
  }),
  'vm.guest.password': endpoint({
    method: 'POST',
    path: '/vms/:vm/guest/password',
    params: VmParams,
    body: Type.Object(
      {
        user: Type.String({ pattern: '^[^\\u0000-\\u001f:]{1,64}$', maxLength: 64, description: 'a user of the guest' }),
        password: Type.String({ pattern: '^[^\\u0000-\\u001f]{1,1024}$', maxLength: 1024, description: 'the new password' }),
        crypted: Type.Optional(Type.Boolean({ description: 'the password is a crypt(3) hash already' })),
      },
      closed,
    ),
    result: Type.Object({ user: Type.String() }, closed),
    errors: [...unreachable, 'guest.refused'],
    permission: 'VM.GuestAgent.Unrestricted',
    summary: "Set a user's password in the guest",
  }),
};

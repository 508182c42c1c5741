import type { TObject, TSchema } from 'typebox';

import type { ErrorCode } from './errors.ts';

/** What a caller must be allowed to do; Proxmox VE's names where it has one. */
export type Permission =
  | 'none'
  | 'Sys.Audit'
  | 'Sys.Modify'
  | 'VM.Audit'
  | 'VM.Allocate'
  | 'VM.Clone'
  | 'VM.Config'
  | 'VM.Config.Disk'
  | 'VM.Config.Network'
  | 'VM.PowerMgmt'
  | 'VM.Console'
  | 'VM.GuestAgent.Audit'
  | 'VM.GuestAgent.FileRead'
  | 'VM.GuestAgent.FileWrite'
  | 'VM.GuestAgent.FileSystemMgmt'
  | 'VM.GuestAgent.Unrestricted'
  | 'VM.Snapshot'
  | 'VM.Snapshot.Rollback'
  | 'SDN.Audit'
  | 'SDN.Allocate'
  | 'Datastore.Audit'
  | 'Lab.Run';

/** How the command line offers an endpoint. Path parameters in `positional` order, everything else as a flag. */
export interface CliCommand {
  /** Noun and verb, for example `['vm', 'start']`. */
  readonly words: readonly [string, ...string[]];
  /** Fields of params or body that are given without a flag, in order. `?` at the end makes one optional. */
  readonly positional?: readonly string[];
  /** Flag names that differ from the field's own: field → flag without dashes. */
  readonly flags?: Readonly<Record<string, string>>;
  /** The task's log tells what a person should read: it is printed as it comes. */
  readonly showLog?: true;
  /** Fields whose flag takes `yes` or `no` instead of being a switch. Those of a `PATCH` all do. */
  readonly yesNo?: readonly string[];
}

/** One record of the table that the routes, `openapi.json`, the client and the command line are made from. */
export interface Endpoint<
  Params extends TObject = TObject,
  Query extends TObject = TObject,
  Body extends TObject = TObject,
  Result extends TSchema = TSchema,
> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/api/v1`, with `:name` for parameters. */
  readonly path: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly result: Result;
  /** `json` (default), a `task` that is answered with 202, or a stream that never ends by itself. */
  readonly answer?: 'json' | 'task' | 'ndjson' | 'sse' | 'websocket' | 'html' | 'png';
  /** For a WebSocket of a VM's console: the kind of ticket that lets a caller in instead of a login. */
  readonly ticket?: 'vnc' | 'serial';
  readonly errors: readonly ErrorCode[];
  readonly permission: Permission;
  /** One line, in the imperative, without a full stop. */
  readonly summary: string;
  readonly cli?: CliCommand;
}

/** What an endpoint answers with: one JSON value, a task (202), a page, an image, or a stream. */
export type AnswerKind = NonNullable<Endpoint['answer']>;

/** Keeps a record's own types, the kind of its answer included, while checking its shape. */
export function endpoint<
  Params extends TObject = TObject,
  Query extends TObject = TObject,
  Body extends TObject = TObject,
  Result extends TSchema = TSchema,
  const Answer extends AnswerKind = 'json',
>(
  record: Endpoint<Params, Query, Body, Result> & { readonly answer?: Answer },
): Endpoint<Params, Query, Body, Result> & { readonly answer?: Answer } {
  return record;
}

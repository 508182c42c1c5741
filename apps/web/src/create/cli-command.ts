import { cliFlag, pageEndpoints, requestPath, takesYesNo, type RequestParts } from '@nakhoda/client/browser';
import type { EndpointId } from '@nakhoda/schema';

/** Texts that no shell gives a meaning to. */
const plain = /^[\w@%+=:,./-]+$/u;

/** A text as one word of a POSIX shell. */
export function shellWord(text: string): string {
  return plain.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export interface CliCommandOptions {
  /** Fields that are not shown: the variable of the shell that stands for each. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** Every flag on a line of its own, as a shell reads it too. */
  readonly lines?: boolean;
}

/**
 * The command line that makes a request, from the endpoint table's own words and flags. Pure. Fields that are undefined are left
 * out, and so is a switch that is off: the table offers it where off is what there is by default.
 */
export function cliCommand(id: EndpointId, parts: RequestParts, { secrets = {}, lines = false }: CliCommandOptions = {}): string {
  const { cli, method } = pageEndpoints[id];
  if (cli === undefined) throw new Error(`${id} has no command`);
  const fields: Readonly<Record<string, unknown>> = { ...parts.params, ...parts.query, ...parts.body };
  const positional = (cli.positional ?? []).map((name) => name.replace(/\?$/u, ''));
  const wordOf = (name: string, value: unknown): string => {
    const secret = secrets[name];
    return secret === undefined ? shellWord(textOf(value)) : `"$${secret}"`;
  };
  const places = positional.filter((name) => fields[name] !== undefined).map((name) => wordOf(name, fields[name]));
  const flags = Object.entries(fields).flatMap(([name, value]): string[] => {
    if (value === undefined || positional.includes(name)) return [];
    const flag = cliFlag(cli, name);
    if (typeof value === 'boolean') {
      if (takesYesNo(cli, method, name)) return [`${flag} ${value ? 'yes' : 'no'}`];
      return value ? [flag] : [];
    }
    // What begins with a dash would be taken for a flag, were it a word of its own.
    const joint = textOf(value).startsWith('-') ? '=' : ' ';
    return [`${flag}${joint}${wordOf(name, value)}`];
  });
  return [['./nakhoda', ...cli.words, ...places].join(' '), ...flags].join(lines ? ' \\\n  ' : ' ');
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** The same as a request of the API: method and path, and its body as it is sent. Secrets are shown as dots. Pure. */
export function apiCall(
  id: EndpointId,
  parts: RequestParts,
  { secrets = {} }: CliCommandOptions = {},
): { readonly line: string; readonly body: string } {
  const { method, path } = pageEndpoints[id];
  const body = JSON.stringify(parts.body ?? {}, (name, value: unknown) => (name in secrets ? '…' : value), 2);
  return { line: `${method} ${requestPath(path, parts)}`, body };
}

const prefix = '/api/v1';

/** The values of a request's parts, as they are sent. */
export interface RequestParts {
  readonly params?: object;
  readonly query?: object;
  readonly body?: object;
}

/** Puts parameters and query into an endpoint's path: `/vms/:vm` and `{vm: 'web'}` → `/api/v1/vms/web`. Undefined values are left out. */
export function requestPath(path: string, { params = {}, query = {} }: RequestParts): string {
  const values = params as Readonly<Record<string, string | undefined>>;
  const filled = path.replaceAll(/:([A-Za-z]+)/gu, (_match, name: string) => encodeURIComponent(values[name] ?? ''));
  const pairs = Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]): [string, string] => [name, String(value)]);
  const search = new URLSearchParams(pairs).toString();
  return `${prefix}${filled}${search === '' ? '' : `?${search}`}`;
}

/** What to give to `apt-config dump --format` for {@link aptSettings}. */
export const aptConfigFormat = '%F "%v";%n';

/** How a host's apt reaches its mirrors, in the forms that other tools need. */
export interface AptSettings {
  /** apt.conf lines for an apt that runs elsewhere but must reach the same mirrors. */
  readonly conf: string;
  /** Absolute paths that those lines name (certificates, keys, proxy scripts). */
  readonly files: readonly string[];
  /** `http_proxy` and `https_proxy`, where apt has them. */
  readonly proxies: Readonly<Record<string, string>>;
  /** The same settings for GNU Wget, as lines of a wgetrc: it is what debootstrap loads with. */
  readonly wgetrc: string;
}

const carried = /^Acquire::(https?(::|$)|Check-(Valid-Until|Date)$|Retries$|ForceIPv[46]$)/i;
const wgetNames: Readonly<Record<string, string>> = {
  'acquire::https::cainfo': 'ca_certificate',
  'acquire::https::sslcert': 'certificate',
  'acquire::https::sslkey': 'private_key',
};

/**
 * Picks from `apt-config dump` (printed with {@link aptConfigFormat}) what decides how apt
 * reaches its mirrors. A mirror's Release file may be older than apt likes, so its date is not
 * checked; its signature always is.
 */
export function aptSettings(dump: string): AptSettings {
  const pairs = dump.split('\n').flatMap((line) => {
    const [, name, value] = /^(\S+) "(.*)";$/.exec(line) ?? [];
    return name && value && carried.test(name) ? [{ name, value }] : [];
  });
  const value = (name: string) => pairs.find((pair) => pair.name.toLowerCase() === name)?.value;
  const proxy = (scheme: string) => value(`acquire::${scheme}::proxy`);
  const http = proxy('http');
  // apt asks the http proxy for https too where none is named for it (apt-transport-https(1)).
  const https = proxy('https') ?? http;
  const wgetrc = Object.entries(wgetNames).flatMap(([name, option]) => {
    const path = value(name);
    return path === undefined ? [] : [`${option} = ${path}`];
  });
  if (value('acquire::https::verify-peer') === 'false') wgetrc.push('check_certificate = off');
  return {
    conf: [...pairs.map((pair) => `${pair.name} "${pair.value}";`), 'Acquire::Check-Valid-Until "false";', ''].join('\n'),
    files: [...new Set(pairs.map((pair) => pair.value).filter((path) => path.startsWith('/')))],
    proxies: {
      ...(isProxy(http) ? { http_proxy: http } : {}),
      ...(isProxy(https) ? { https_proxy: https } : {}),
    },
    wgetrc: [...wgetrc, ''].join('\n'),
  };
}

function isProxy(proxy: string | undefined): proxy is string {
  return proxy !== undefined && proxy !== 'DIRECT';
}

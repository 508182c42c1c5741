import { type CloudInit, type CloudInitView, plainCloudInit, type VmSet } from '@nakhoda/schema';

/** The fields of a request that are about cloud-init. */
export type CloudInitRequest = Pick<VmSet, Extract<keyof VmSet, `ci${string}`>>;

/**
 * A VM's cloud-init data as a request wants it; what the request does not name stays. Pure.
 * @param hash of the request's password, which goes no further
 */
export function planCloudInitSettings(present: CloudInit | null, request: CloudInitRequest, hash: string | null): CloudInit | null {
  if (request.ciDrive === false) return null;
  const named = Object.entries(request).filter(([field, value]) => field.startsWith('ci') && value !== undefined);
  if (named.length === 0) return present;
  const now = present ?? plainCloudInit;
  const text = (wanted: string | undefined, kept: string | null): string | null =>
    wanted === undefined ? kept : wanted === '' ? null : wanted;
  return {
    user: text(request.ciUser, now.user),
    passwordHash: request.ciPassword === undefined ? text(request.ciPasswordHash, now.passwordHash) : hash,
    hostname: text(request.ciHostname, now.hostname),
    sshKeys: request.ciSshKeys ?? now.sshKeys,
    network: request.ciNetwork ?? now.network,
    dns: request.ciDns ?? now.dns,
    searchDomains: request.ciSearchDomains ?? now.searchDomains,
    packages: request.ciPackages ?? now.packages,
    userData: text(request.ciUserData, now.userData),
    vendorData: text(request.ciVendorData, now.vendorData),
  };
}

/** The request without its fields about cloud-init. */
export function withoutCloudInit<Request extends CloudInitRequest>(request: Request): Omit<Request, `ci${string}`> {
  return Object.fromEntries(Object.entries(request).filter(([field]) => !/^ci[A-Z]/.test(field))) as Omit<Request, `ci${string}`>;
}

/** As it is shown: without the password's hash, with which passwords can be guessed. */
export function shownCloudInit(config: CloudInit | null): CloudInitView | null {
  if (config === null) return null;
  const { passwordHash, ...shown } = config;
  return { ...shown, hasPassword: passwordHash !== null };
}

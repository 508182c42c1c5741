import { Type } from 'typebox';

const closed = { additionalProperties: false } as const;

const textLimit = 65_536;

/** A login name, by useradd's usual rule. */
const CloudInitUser = Type.String({
  pattern: '^[a-z_][a-z0-9_-]{0,31}$',
  maxLength: 32,
  description: "login name: lower-case letters, digits, '_', '-', beginning with a letter",
});
/** A line of authorized_keys. */
const SshKey = Type.String({
  pattern: '^((sk-)?(ssh|ecdsa)-[a-z0-9@.-]+) [A-Za-z0-9+/]+={0,3}( [^\\u0000-\\u001f,]*)?$',
  maxLength: 16_384,
  description: 'a public key: ssh-ed25519 AAAA… comment',
});
/** As crypt(3) makes it with SHA-512, SHA-256 or yescrypt. */
const PasswordHash = Type.String({
  pattern: '^\\$(5|6|y)\\$[A-Za-z0-9./=,$]{8,200}$',
  maxLength: 256,
  description: "a password's hash as `openssl passwd -6` makes it",
});
const HostName = Type.String({
  pattern: '^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$',
  maxLength: 253,
  description: 'a host name, with or without its domain',
});
/** One way of one NIC to an address. The finer rules are checked when the files are planned. */
const NetworkLine = Type.String({
  pattern: '^net[0-9]=(dhcp|dhcp6|auto6|none|[0-9a-f.:]{2,39}/[0-9]{1,3}( via [0-9a-f.:]{2,39})?)$',
  maxLength: 128,
  description: 'net0=dhcp, net0=10.0.0.5/24 via 10.0.0.1, net0=fd00::5/64, net0=dhcp6, net0=auto6, net0=none; a NIC not named has dhcp',
});
const IpAddress = Type.String({ pattern: '^[0-9a-f.:]{2,39}$', maxLength: 39, description: 'an IP address' });
const Package = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9.+_:=~-]{0,127}$', maxLength: 128, description: "a package's name" });

const fields = {
  sshKeys: Type.Array(SshKey, { maxItems: 32, description: 'public keys that may log in, with commas between' }),
  network: Type.Array(NetworkLine, {
    maxItems: 20,
    description: 'addresses, with commas between: net0=dhcp, net1=10.0.0.5/24 via 10.0.0.1',
  }),
  dns: Type.Array(IpAddress, { maxItems: 8, description: 'name servers, with commas between' }),
  searchDomains: Type.Array(HostName, { maxItems: 8, description: 'search domains, with commas between' }),
  packages: Type.Array(Package, { maxItems: 128, description: 'packages to install, with commas between' }),
};

/** What a VM's cloud-init drive says to its guest. Passwords are kept as hashes only. */
export const CloudInit = Type.Object(
  {
    user: Type.Union([CloudInitUser, Type.Null()], { description: "null: the image's own default user" }),
    passwordHash: Type.Union([PasswordHash, Type.Null()]),
    hostname: Type.Union([HostName, Type.Null()], { description: "null: the VM's name" }),
    ...fields,
    userData: Type.Union([Type.String({ maxLength: textLimit }), Type.Null()], {
      description: 'stands in for all of the user data, so that user, keys, password and packages say nothing',
    }),
    vendorData: Type.Union([Type.String({ maxLength: textLimit }), Type.Null()]),
  },
  closed,
);
export type CloudInit = Type.Static<typeof CloudInit>;

/** As it is shown: without the password's hash, with which passwords can be guessed. */
export const CloudInitView = Type.Object({ ...Type.Omit(CloudInit, ['passwordHash']).properties, hasPassword: Type.Boolean() }, closed);
export type CloudInitView = Type.Static<typeof CloudInitView>;

/** The same as flat fields of a request; an empty text or list takes one back. Any of them gives the VM the drive. */
export const CloudInitSettings = {
  ciDrive: Type.Boolean({ description: 'a drive with data for cloud-init; no takes it away with all that it says' }),
  ciUser: Type.Union([CloudInitUser, Type.Literal('')], { description: "login name in lower case; empty for the image's own" }),
  ciPassword: Type.String({
    pattern: '^[^\\u0000-\\u001f]*$',
    maxLength: 1024,
    description: 'its password, of which a hash is kept; empty for none',
  }),
  ciPasswordHash: PasswordHash,
  ciHostname: Type.Union([HostName, Type.Literal('')], { description: "a host name; empty for the VM's name" }),
  ciSshKeys: fields.sshKeys,
  ciNetwork: fields.network,
  ciDns: fields.dns,
  ciSearchDomains: fields.searchDomains,
  ciPackages: fields.packages,
  ciUserData: Type.String({ maxLength: textLimit, description: 'a whole user-data document instead; empty for none' }),
  ciVendorData: Type.String({ maxLength: textLimit, description: 'a vendor-data document; empty for none' }),
};

/** A drive that says no more than the VM's name, and asks for addresses by DHCP. */
export const plainCloudInit: CloudInit = {
  user: null,
  passwordHash: null,
  hostname: null,
  sshKeys: [],
  network: [],
  dns: [],
  searchDomains: [],
  packages: [],
  userData: null,
  vendorData: null,
};

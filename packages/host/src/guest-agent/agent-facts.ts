import type { GuestFacts, GuestFileSystem, GuestInterface, GuestOs } from '@nakhoda/schema';

import { isObject } from './agent-connection.ts';
import { byteCount, fileSystems, interfaces, operatingSystem, userNames, word } from './guest-words.ts';

/** What the agent's five commands returned, unchecked; undefined where it does not know one, or refused it. */
export interface AgentAnswers {
  os: unknown;
  hostname: unknown;
  fsinfo: unknown;
  interfaces: unknown;
  users: unknown;
  /** guest-fsfreeze-status. */
  freeze: unknown;
}

/** The agent's answers as facts. Whatever in them is not what it should be is left out. Pure. */
export function readAgentFacts(answers: AgentAnswers): GuestFacts {
  return {
    osInfo: readOs(answers.os),
    hostname: word(member(answers.hostname, 'host-name')),
    fileSystems: fileSystems(list(answers.fsinfo).flatMap(readFileSystem)),
    interfaces: readAgentInterfaces(answers.interfaces),
    users: userNames(list(answers.users).map((user) => member(user, 'user'))),
    frozen: answers.freeze === 'frozen' ? true : answers.freeze === 'thawed' ? false : null,
  };
}

/** See guest-get-osinfo in QEMU's Guest Agent Protocol Reference. */
function readOs(answer: unknown): GuestOs | null {
  return operatingSystem({
    id: member(answer, 'id'),
    name: member(answer, 'name'),
    prettyName: member(answer, 'pretty-name'),
    version: member(answer, 'version') ?? member(answer, 'version-id'),
    kernel: member(answer, 'kernel-release'),
    machine: member(answer, 'machine'),
  });
}

function readFileSystem(entry: unknown): GuestFileSystem[] {
  const mountpoint = word(member(entry, 'mountpoint'));
  if (mountpoint === null) return [];
  const totalBytes = byteCount(member(entry, 'total-bytes'));
  const usedBytes = byteCount(member(entry, 'used-bytes'));
  return [
    {
      mountpoint,
      device: word(member(entry, 'name')),
      type: word(member(entry, 'type')),
      totalBytes,
      usedBytes,
      // The agent's total is what users other than root can have (commands-posix.c).
      freeBytes: totalBytes === null || usedBytes === null ? null : Math.max(0, totalBytes - usedBytes),
    },
  ];
}

function readAgentInterfaces(answer: unknown): GuestInterface[] {
  return interfaces(
    list(answer).map((entry) => ({
      name: member(entry, 'name'),
      mac: member(entry, 'hardware-address'),
      addresses: list(member(entry, 'ip-addresses')).map((item) => {
        const address = member(item, 'ip-address');
        const prefix = member(item, 'prefix');
        return typeof address === 'string' && typeof prefix === 'number' ? `${address}/${prefix}` : null;
      }),
    })),
  );
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value.slice(0, 1000) : [];
}

function member(value: unknown, name: string): unknown {
  return isObject(value) ? value[name] : undefined;
}

import type { Vm } from '@nakhoda/schema';

/** What a term of the query language can ask for. */
export const queryFields = ['hv', 'state', 'tag', 'folder', 'net', 'name', 'cores', 'mem', 'is'] as const;
export type QueryField = (typeof queryFields)[number];

type Comparison = ':' | '>' | '<' | '>=' | '<=';

interface Term {
  readonly field: QueryField | 'text';
  readonly comparison: Comparison;
  readonly value: string;
  readonly negated: boolean;
}

/** A query that was read: what it asks, and the terms that are none. */
export interface VmQuery {
  readonly terms: readonly Term[];
  readonly mistakes: readonly string[];
}

const termPattern = /^(?<field>[a-z]+)(?<comparison>>=|<=|[:><])(?<value>.*)$/u;

/** Names that people use for the two hypervisors. */
const hypervisorNames: Readonly<Record<string, string>> = { kvm: 'qemu', k: 'qemu', vbox: 'virtualbox', vb: 'virtualbox', v: 'virtualbox' };

/** What `is:` takes, beside the fields. */
const properties: Readonly<Record<string, (vm: Vm) => boolean>> = {
  template: (vm) => vm.template,
  clone: (vm) => vm.linkedTo !== null,
  adopted: (vm) => vm.adopted !== undefined,
  protected: (vm) => vm.protection,
  pending: (vm) => vm.pending.length > 0,
  suspended: (vm) => vm.suspended,
  changed: (vm) => vm.changedOutside !== undefined && vm.changedOutside.length > 0,
};

/**
 * Reads a query such as `hv:vbox state:running mem>1024 -tag:old web`: terms with spaces between, all of which must hold; `-`
 * before one turns it round; a word by itself is looked for in vmid, name, addresses and notes. Quotes keep spaces together.
 */
export function parseVmQuery(text: string): VmQuery {
  const terms: Term[] = [];
  const mistakes: string[] = [];
  for (const word of words(text)) {
    const negated = word.startsWith('-') && word.length > 1;
    const plain = negated ? word.slice(1) : word;
    const { field, comparison, value = '' } = termPattern.exec(plain)?.groups ?? {};
    if (field === undefined) {
      terms.push({ field: 'text', comparison: ':', value: plain.toLowerCase(), negated });
      continue;
    }
    const known = queryFields.find((one) => one === field);
    const term: Term | null =
      known === undefined ? null : { field: known, comparison: comparison as Comparison, value: value.toLowerCase(), negated };
    if (term === null || !isSound(term)) mistakes.push(word);
    // A term that is still being typed asks for nothing yet.
    else if (value !== '') terms.push(term);
  }
  return { terms, mistakes };
}

function words(text: string): string[] {
  return [...text.matchAll(/(?:[^\s"]+|"[^"]*"?)+/gu)].map(([word]) => word.replaceAll('"', ''));
}

function isSound({ field, comparison, value }: Term): boolean {
  if (field === 'cores' || field === 'mem') return value === '' || /^\d+$/u.test(value);
  if (comparison !== ':') return false;
  return field !== 'is' || value === '' || Object.keys(properties).some((name) => name.startsWith(value));
}

export function matchesVmQuery(vm: Vm, { terms }: VmQuery): boolean {
  return terms.every((term) => holds(vm, term) !== term.negated);
}

function holds(vm: Vm, { field, comparison, value }: Term): boolean {
  switch (field) {
    case 'hv':
      return vm.hypervisor.startsWith(hypervisorNames[value] ?? value);
    case 'state':
      return vm.state.startsWith(value) || (value === 'suspended' && vm.suspended);
    case 'tag':
      return vm.tags.some((tag) => tag.startsWith(value));
    case 'folder':
      return vm.folder.toLowerCase() === value || vm.folder.toLowerCase().startsWith(`${value}/`);
    case 'net':
      return vm.nics.some((nic) => nic.network.startsWith(value));
    case 'name':
      return vm.name.toLowerCase().includes(value);
    case 'cores':
      return compare(vm.cores * vm.sockets, comparison, Number(value));
    case 'mem':
      return compare(vm.memoryMiB, comparison, Number(value));
    case 'is':
      return Object.entries(properties).some(([name, has]) => name.startsWith(value) && has(vm));
    case 'text':
      return [String(vm.vmid), vm.name, ...vm.addresses, vm.notes].some((text) => text.toLowerCase().includes(value));
  }
}

function compare(left: number, comparison: Comparison, right: number): boolean {
  switch (comparison) {
    case ':':
      return left === right;
    case '>':
      return left > right;
    case '<':
      return left < right;
    case '>=':
      return left >= right;
    case '<=':
      return left <= right;
  }
}

/** Ways to go on with the last word of a query, for the VMs that there are; whole queries, at most `limit` of them. */
export function suggestVmQueries(text: string, vms: readonly Vm[], limit = 8): string[] {
  const before = text.replace(/\S*$/u, '');
  const word = text.slice(before.length);
  const sign = word.startsWith('-') ? '-' : '';
  const plain = word.slice(sign.length).toLowerCase();
  if (plain === '' && text !== '' && !text.endsWith(' ')) return [];
  return [...new Set(candidates(vms))]
    .filter((candidate) => candidate.startsWith(plain) && candidate !== plain)
    .slice(0, limit)
    .map((candidate) => `${before}${sign}${candidate}`);
}

function candidates(vms: readonly Vm[]): string[] {
  const quoted = (value: string) => (value.includes(' ') ? `"${value}"` : value);
  return [
    ...vms.map((vm) => `hv:${vm.hypervisor}`),
    ...vms.map((vm) => `state:${vm.state}`),
    ...vms.flatMap((vm) => vm.tags.map((tag) => `tag:${tag}`)),
    ...vms.filter((vm) => vm.folder !== '').map((vm) => `folder:${quoted(vm.folder)}`),
    ...vms.flatMap((vm) => vm.nics.map((nic) => `net:${nic.network}`)),
    'mem>',
    'cores>',
    ...Object.keys(properties).map((name) => `is:${name}`),
  ];
}

import type { Hypervisor, HypervisorId, Network, Vm } from '@nakhoda/schema';

export const treeViews = ['server', 'hypervisor', 'folder', 'tag', 'network'] as const;
export type TreeView = (typeof treeViews)[number];

/** Where a click on a row leads. */
export type TreeTarget =
  | { readonly kind: 'datacenter' }
  | { readonly kind: 'host' }
  | { readonly kind: 'vm'; readonly vmid: number }
  | { readonly kind: 'networks' }
  | { readonly kind: 'query'; readonly query: string };

export interface TreeNode {
  /** Unique in its tree, and the same for the same thing after every change. */
  readonly id: string;
  readonly label: string;
  readonly icon: 'datacenter' | 'node' | 'folder' | 'tag' | 'network' | 'hypervisor' | 'vm';
  readonly hypervisor?: HypervisorId;
  readonly vm?: Vm;
  readonly target: TreeTarget;
  readonly children: readonly TreeNode[];
}

/** A row of the tree as it is open now. */
export interface TreeRow {
  readonly node: TreeNode;
  readonly level: number;
  readonly open: boolean;
  /** Place among its siblings, from 1, and how many they are: what a screen reader says. */
  readonly position: number;
  readonly siblings: number;
  readonly parent: string | null;
}

/** Words that the tree needs from the reader's language. */
export interface TreeWords {
  readonly datacenter: string;
  readonly noFolder: string;
  readonly noTag: string;
  readonly noNetwork: string;
}

export interface Inventory {
  readonly vms: readonly Vm[];
  readonly networks: readonly Network[];
  readonly hypervisors: readonly Hypervisor[];
}

const vmNode = (vm: Vm, parent: string): TreeNode => ({
  id: `${parent}/vm/${vm.vmid}`,
  label: vm.name,
  icon: 'vm',
  hypervisor: vm.hypervisor,
  vm,
  target: { kind: 'vm', vmid: vm.vmid },
  children: [],
});

/** The inventory as one of the tree's views: from the datacenter down to every VM. VMs keep the order they are given in. */
export function buildTree(view: TreeView, inventory: Inventory, words: TreeWords): TreeNode {
  const makers: Record<TreeView, () => readonly TreeNode[]> = {
    server: () => serverView(inventory),
    hypervisor: () => hypervisorView(inventory),
    folder: () => folderView(inventory.vms, words),
    tag: () => groups(inventory.vms, (vm) => vm.tags, 'tag', words.noTag),
    network: () => groups(inventory.vms, (vm) => vm.nics.map(({ network }) => network), 'network', words.noNetwork, inventory.networks),
  };
  return { id: 'datacenter', label: words.datacenter, icon: 'datacenter', target: { kind: 'datacenter' }, children: makers[view]() };
}

/** As in Proxmox: every node with what it runs and has. */
function serverView({ vms, networks }: Inventory): readonly TreeNode[] {
  const nodes = [...new Set(['local', ...vms.map(({ node }) => node)])];
  return nodes.map((node) => ({
    id: `node/${node}`,
    label: node,
    icon: 'node',
    target: { kind: 'host' },
    children: [
      ...vms.filter((vm) => vm.node === node).map((vm) => vmNode(vm, `node/${node}`)),
      ...networks
        .filter((network) => network.node === node)
        .map((network): TreeNode => ({
          id: `node/${node}/network/${network.name}`,
          label: network.name,
          icon: 'network',
          target: { kind: 'networks' },
          children: [],
        })),
    ],
  }));
}

function hypervisorView({ vms, hypervisors }: Inventory): readonly TreeNode[] {
  const ids = [...new Set([...hypervisors.map(({ id }) => id), ...vms.map(({ hypervisor }) => hypervisor)])];
  return ids.map((id) => ({
    id: `hypervisor/${id}`,
    label: id,
    icon: 'hypervisor',
    hypervisor: id,
    target: { kind: 'query', query: `hv:${id}` },
    children: vms.filter((vm) => vm.hypervisor === id).map((vm) => vmNode(vm, `hypervisor/${id}`)),
  }));
}

interface Folder {
  readonly folders: Map<string, Folder>;
  readonly vms: Vm[];
}

function folderView(vms: readonly Vm[], words: TreeWords): readonly TreeNode[] {
  const root: Folder = { folders: new Map(), vms: [] };
  for (const vm of vms) {
    let folder = root;
    for (const name of vm.folder === '' ? [] : vm.folder.split('/')) {
      const next: Folder = folder.folders.get(name) ?? { folders: new Map(), vms: [] };
      folder.folders.set(name, next);
      folder = next;
    }
    folder.vms.push(vm);
  }
  const loose: TreeNode = {
    id: 'folder/',
    label: words.noFolder,
    icon: 'folder',
    target: { kind: 'query', query: '' },
    children: root.vms.map((vm) => vmNode(vm, 'folder/')),
  };
  return [...foldersOf(root, ''), ...(root.vms.length > 0 ? [loose] : [])];
}

function foldersOf({ folders }: Folder, path: string): TreeNode[] {
  return [...folders]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([name, folder]) => {
      const full = path === '' ? name : `${path}/${name}`;
      return {
        id: `folder/${full}`,
        label: name,
        icon: 'folder',
        target: { kind: 'query', query: `folder:"${full}"` },
        children: [...foldersOf(folder, full), ...folder.vms.map((vm) => vmNode(vm, `folder/${full}`))],
      };
    });
}

/** A VM with several tags or networks is under each of them; one with none, under `rest`. */
function groups(
  vms: readonly Vm[],
  namesOf: (vm: Vm) => readonly string[],
  icon: 'tag' | 'network',
  rest: string,
  always: readonly { readonly name: string }[] = [],
): readonly TreeNode[] {
  const members = new Map<string, Vm[]>(always.map(({ name }) => [name, []]));
  const without: Vm[] = [];
  for (const vm of vms) {
    const names = new Set(namesOf(vm));
    if (names.size === 0) without.push(vm);
    for (const name of names) members.set(name, [...(members.get(name) ?? []), vm]);
  }
  const node = (id: string, label: string, query: string, list: readonly Vm[]): TreeNode => ({
    id: `${icon}/${id}`,
    label,
    icon,
    target: { kind: 'query', query },
    children: list.map((vm) => vmNode(vm, `${icon}/${id}`)),
  });
  const field = icon === 'tag' ? 'tag' : 'net';
  return [
    ...[...members].toSorted(([a], [b]) => a.localeCompare(b)).map(([name, list]) => node(name, name, `${field}:${name}`, list)),
    ...(without.length > 0 ? [node('', rest, '', without)] : []),
  ];
}

/** The rows to show: everything whose parents are all open. Open is what is not in `closed`. */
export function visibleRows(root: TreeNode, closed: ReadonlySet<string>): readonly TreeRow[] {
  const rows: TreeRow[] = [];
  const add = (node: TreeNode, level: number, position: number, siblings: number, parent: string | null) => {
    const open = node.children.length > 0 && !closed.has(node.id);
    rows.push({ node, level, open, position, siblings, parent });
    if (!open) return;
    for (const [index, child] of node.children.entries()) add(child, level + 1, index + 1, node.children.length, node.id);
  };
  add(root, 1, 1, 1, null);
  return rows;
}

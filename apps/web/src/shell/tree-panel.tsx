import { useLingui } from '@lingui/react/macro';
import { FormSelect, FormSelectOption } from '@patternfly/react-core';
import { CubeIcon } from '@patternfly/react-icons/dist/esm/icons/cube-icon';
import { FolderIcon } from '@patternfly/react-icons/dist/esm/icons/folder-icon';
import { GlobeIcon } from '@patternfly/react-icons/dist/esm/icons/globe-icon';
import { NetworkIcon } from '@patternfly/react-icons/dist/esm/icons/network-icon';
import { ServerIcon } from '@patternfly/react-icons/dist/esm/icons/server-icon';
import { TagIcon } from '@patternfly/react-icons/dist/esm/icons/tag-icon';
import { useLocation, useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';

import { useObservable } from '../data/observable.ts';
import { keptSetting } from '../data/kept-setting.ts';
import { useHypervisors, useNetworks, useVms } from '../data/resources.ts';
import { HypervisorBadge, StateMark, hypervisorTitles } from '../parts/vm-mark.tsx';
import { buildTree, treeViews, visibleRows, type TreeNode, type TreeRow, type TreeView } from './inventory-tree.ts';
import './tree-panel.css';

const view = keptSetting<TreeView>('tree-view', treeViews, 'server');
const rowPixels = 28;

const icons = { datacenter: GlobeIcon, node: ServerIcon, folder: FolderIcon, tag: TagIcon, network: NetworkIcon, hypervisor: CubeIcon };

/** The inventory as a tree: one stop for the Tab key, arrows within, as WAI-ARIA's tree pattern has it. */
export function TreePanel({ onLeave }: { onLeave?: () => void }) {
  const { t } = useLingui();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const shown = useObservable(view);
  const inventory = { vms: useVms(), networks: useNetworks(), hypervisors: useHypervisors() };
  const { vms, networks, hypervisors } = inventory;
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [focused, setFocused] = useState('datacenter');
  const words = { datacenter: t`Datacenter`, noFolder: t`No folder`, noTag: t`No tag`, noNetwork: t`No network` };
  const { datacenter } = words;
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the words change with the language, and `datacenter` stands for them
  const root = useMemo(
    () => buildTree(shown, { vms, networks, hypervisors }, words),
    [shown, vms, networks.length, hypervisors.length, datacenter],
  );
  const rows = useMemo(() => visibleRows(root, closed), [root, closed]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPixels,
    overscan: 12,
  });
  const focusedIndex = Math.max(
    0,
    rows.findIndex(({ node }) => node.id === focused),
  );

  const open = ({ target }: TreeNode) => {
    onLeave?.();
    switch (target.kind) {
      case 'datacenter':
        return navigate({ to: '/' });
      case 'host':
        return navigate({ to: '/host' });
      case 'networks':
        return navigate({ to: '/networks' });
      case 'vm':
        return navigate({ to: '/vms/$vmid', params: { vmid: String(target.vmid) }, search: {} });
      case 'query':
        return navigate({ to: '/vms', search: target.query === '' ? {} : { q: target.query } });
    }
  };

  const fold = (id: string, fold: boolean) =>
    setClosed((before) => {
      const next = new Set(before);
      if (fold) next.add(id);
      else next.delete(id);
      return next;
    });

  const focusRow = (index: number) => {
    const row = rows[Math.min(rows.length - 1, Math.max(0, index))];
    if (row === undefined) return;
    setFocused(row.node.id);
    virtual.scrollToIndex(rows.indexOf(row));
    wantsFocus.current = true;
  };
  const wantsFocus = useRef(false);
  useEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    scroller.current?.querySelector<HTMLElement>('[role=treeitem][tabindex="0"]')?.focus();
  });

  const onKey = (event: KeyboardEvent, row: TreeRow) => {
    const moves: Record<string, () => void> = {
      'ArrowDown': () => focusRow(focusedIndex + 1),
      'ArrowUp': () => focusRow(focusedIndex - 1),
      'Home': () => focusRow(0),
      'End': () => focusRow(rows.length - 1),
      'ArrowRight': () => (row.open ? focusRow(focusedIndex + 1) : fold(row.node.id, false)),
      'ArrowLeft': () => (row.open ? fold(row.node.id, true) : focusRow(rows.findIndex(({ node }) => node.id === row.parent))),
      'Enter': () => void open(row.node),
      ' ': () => void open(row.node),
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    move();
  };

  const viewNames: Record<TreeView, string> = {
    server: t`Server view`,
    hypervisor: t`Hypervisor view`,
    folder: t`Folder view`,
    tag: t`Tag view`,
    network: t`Network view`,
  };

  return (
    <nav className="nk-tree" aria-label={t`Inventory`}>
      <FormSelect
        aria-label={t`View of the tree`}
        value={shown}
        onChange={(_event, value) => view.set(treeViews.find((one) => one === value) ?? 'server')}
      >
        {treeViews.map((one) => (
          <FormSelectOption key={one} value={one} label={viewNames[one]} />
        ))}
      </FormSelect>
      <div className="nk-tree__rows" ref={scroller}>
        <div role="tree" aria-label={viewNames[shown]} style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const row = rows[index];
            if (row === undefined) return null;
            const { node, level } = row;
            const Icon = node.icon === 'vm' ? null : icons[node.icon];
            const current = node.target.kind === 'vm' && pathname === `/vms/${node.target.vmid}`;
            return (
              <div
                key={node.id}
                role="treeitem"
                aria-level={level}
                aria-posinset={row.position}
                aria-setsize={row.siblings}
                aria-selected={current}
                {...(node.children.length > 0 ? { 'aria-expanded': row.open } : {})}
                tabIndex={index === focusedIndex ? 0 : -1}
                className={`nk-tree__row${current ? ' nk-tree__row--current' : ''}`}
                style={{ transform: `translateY(${start}px)`, height: rowPixels, paddingInlineStart: `${(level - 1) * 14 + 4}px` }}
                onClick={() => {
                  setFocused(node.id);
                  void open(node);
                }}
                onKeyDown={(event) => onKey(event, row)}
              >
                <span
                  className={`nk-tree__twist${node.children.length === 0 ? ' nk-tree__twist--none' : ''}`}
                  aria-hidden="true"
                  onClick={(event) => {
                    event.stopPropagation();
                    fold(node.id, row.open);
                  }}
                >
                  {row.open ? '▾' : '▸'}
                </span>
                {Icon !== null && node.hypervisor === undefined && <Icon aria-hidden="true" />}
                {node.vm !== undefined && <StateMark state={node.vm.state} />}
                {node.hypervisor !== undefined && <HypervisorBadge id={node.hypervisor} />}
                <span className="nk-tree__label">
                  {node.icon === 'hypervisor' && node.hypervisor !== undefined ? hypervisorTitles[node.hypervisor] : node.label}
                </span>
                {node.vm !== undefined ? (
                  <span className="nk-tree__extra">{node.vm.vmid}</span>
                ) : (
                  node.children.length > 0 && <span className="nk-tree__extra">{node.children.length}</span>
                )}
              </div>
            );
          })}
        </div>
      </div>
    </nav>
  );
}

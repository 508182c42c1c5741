import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from '@patternfly/react-core';
import { Link, getRouteApi } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useMemo, useRef, useState } from 'react';

import { CreateVmLink } from '../create/create-vm-link.tsx';
import { mebibytes } from '../data/format.ts';
import { useVms } from '../data/resources.ts';
import { matchesVmQuery, parseVmQuery } from '../data/vm-query.ts';
import { Uptime } from '../parts/uptime.tsx';
import { useTitle } from '../parts/use-title.ts';
import { HypervisorBadge, StateMark } from '../parts/vm-mark.tsx';
import { BulkActions } from './bulk-actions.tsx';
import { VmQueryField } from './vm-query-field.tsx';
import './vm-list.css';

const route = getRouteApi('/vms');
const rowPixels = 36;

const orders: Readonly<Record<string, (a: Vm, b: Vm) => number>> = {
  vmid: (a, b) => a.vmid - b.vmid,
  name: (a, b) => a.name.localeCompare(b.name),
  state: (a, b) => a.state.localeCompare(b.state) || a.vmid - b.vmid,
  hypervisor: (a, b) => a.hypervisor.localeCompare(b.hypervisor) || a.vmid - b.vmid,
  cores: (a, b) => b.cores * b.sockets - a.cores * a.sockets || a.vmid - b.vmid,
  memory: (a, b) => b.memoryMiB - a.memoryMiB || a.vmid - b.vmid,
  uptime: (a, b) => b.uptimeSeconds - a.uptimeSeconds || a.vmid - b.vmid,
};

/** All VMs, found by a query that is the address's, ordered by any column, and acted on many at a time. */
export function VmListScreen() {
  const { t } = useLingui();
  useTitle(t`VMs`);
  const { q = '', sort = 'vmid' } = route.useSearch();
  const navigate = route.useNavigate();
  const vms = useVms();
  const query = useMemo(() => parseVmQuery(q), [q]);
  const shown = useMemo(() => vms.filter((vm) => matchesVmQuery(vm, query)).toSorted(orders[sort] ?? orders['vmid']), [vms, query, sort]);
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  // What is not shown is not acted on, however it was chosen before.
  const acted = shown.filter(({ vmid }) => chosen.has(vmid));
  const toggle = (vmids: readonly number[], on: boolean) =>
    setChosen((before) => {
      const next = new Set(before);
      for (const vmid of vmids) {
        if (on) next.add(vmid);
        else next.delete(vmid);
      }
      return next;
    });

  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: shown.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPixels,
    overscan: 10,
  });
  const columns = [
    ['state', t`State`],
    ['hypervisor', t`Hypervisor`],
    ['vmid', t`VMID`],
    ['name', t`Name`],
    ['cores', t`Processors`],
    ['memory', t`Memory`],
    ['uptime', t`Uptime`],
    [null, t`Addresses`],
  ] as const;

  return (
    <div className="nk-screen nk-screen--list">
      <div className="nk-screen__head">
        <h1>{t`VMs`}</h1>
        <span className="nk-subtle" role="status">
          {shown.length === vms.length ? t`${vms.length} VMs` : t`${shown.length} of ${vms.length} VMs`}
        </span>
        <div className="nk-screen__actions">
          <CreateVmLink />
        </div>
      </div>
      <VmQueryField
        key={q}
        query={q}
        mistakes={query.mistakes}
        vms={vms}
        onQuery={(next) => void navigate({ search: (before) => ({ ...before, q: next === '' ? undefined : next }), replace: true })}
      />
      <BulkActions vms={acted} onDone={() => setChosen(new Set())} />
      {shown.length === 0 ? (
        <EmptyState titleText={vms.length === 0 ? t`There is no VM yet` : t`No VM is like that`} headingLevel="h2">
          <EmptyStateBody>
            {vms.length === 0
              ? t`A VM runs on KVM/QEMU or on VirtualBox; both share the networks, and look alike here.`
              : t`Take a term from the query, or begin one of the suggestions.`}
          </EmptyStateBody>
          {vms.length === 0 && (
            <EmptyStateFooter>
              <EmptyStateActions>
                <CreateVmLink />
              </EmptyStateActions>
            </EmptyStateFooter>
          )}
        </EmptyState>
      ) : (
        <div className="nk-vms" role="table" aria-label={t`VMs`} aria-rowcount={shown.length + 1}>
          <div role="rowgroup">
            <div role="row" aria-rowindex={1} className="nk-vms__row nk-vms__head">
              <span role="columnheader">
                <input
                  type="checkbox"
                  aria-label={t`Choose all that are shown`}
                  checked={acted.length === shown.length}
                  onChange={(event) =>
                    toggle(
                      shown.map(({ vmid }) => vmid),
                      event.target.checked,
                    )
                  }
                />
              </span>
              {columns.map(([key, title]) => (
                <span key={title} role="columnheader" aria-sort={key === sort ? 'ascending' : 'none'}>
                  {key === null ? (
                    title
                  ) : (
                    <Button
                      variant="link"
                      isInline
                      onClick={() => void navigate({ search: (before) => ({ ...before, sort: key === 'vmid' ? undefined : key }) })}
                    >
                      {title}
                      {key === sort ? ' ▾' : ''}
                    </Button>
                  )}
                </span>
              ))}
            </div>
          </div>
          <div className="nk-vms__rows" role="rowgroup" ref={scroller} tabIndex={0} aria-label={t`VMs`}>
            <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
              {virtual.getVirtualItems().map(({ index, start }) => {
                const vm = shown[index];
                if (vm === undefined) return null;
                return (
                  <div
                    key={vm.vmid}
                    role="row"
                    aria-rowindex={index + 2}
                    className="nk-vms__row nk-vms__vm"
                    style={{ transform: `translateY(${start}px)`, height: rowPixels }}
                  >
                    <span role="cell">
                      <input
                        type="checkbox"
                        aria-label={t`Choose ${vm.name}`}
                        checked={chosen.has(vm.vmid)}
                        onChange={(event) => toggle([vm.vmid], event.target.checked)}
                      />
                    </span>
                    <span role="cell" className="nk-live" title={vm.stateReason}>
                      <StateMark state={vm.state} withName />
                    </span>
                    <span role="cell">
                      <HypervisorBadge id={vm.hypervisor} />
                    </span>
                    <span role="cell">{vm.vmid}</span>
                    <span role="cell" className="nk-vms__name">
                      <Link to="/vms/$vmid" params={{ vmid: String(vm.vmid) }} search={{}}>
                        {vm.name}
                      </Link>
                      {vm.tags.map((tag) => (
                        <span key={tag} className="nk-tag">
                          {tag}
                        </span>
                      ))}
                    </span>
                    <span role="cell">{vm.cores * vm.sockets}</span>
                    <span role="cell">{mebibytes(vm.memoryMiB)}</span>
                    <span role="cell" className="nk-live">
                      <Uptime vm={vm} />
                    </span>
                    <span role="cell">{vm.addresses.join(', ') || '–'}</span>
                  </div>
                );
              })}
            </div>
          </div>
        </div>
      )}
    </div>
  );
}

import { useLingui } from '@lingui/react/macro';
import type { Snapshot, Vm } from '@nakhoda/schema';
import { Button, Spinner, Label } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { verdictOf } from '../data/actions.ts';
import { time } from '../data/format.ts';
import { snapshotsQuery } from '../data/resources.ts';
import { api } from '../data/session.ts';
import { Confirm } from '../parts/confirm.tsx';
import { Failure } from '../parts/failure.tsx';
import { RollbackDialog } from './rollback-dialog.tsx';
import { snapshotRows } from './snapshot-rows.ts';
import { TakeSnapshotDialog } from './take-snapshot-dialog.tsx';
import './snapshots-tab.css';

type Asked = { readonly what: 'take' } | { readonly what: 'rollback' | 'delete'; readonly snapshot: Snapshot };

/** The VM's snapshots as the tree that they are, with the place where the VM is now. */
export function SnapshotsTab({ vm }: { vm: Vm }) {
  const { t } = useLingui();
  const list = useQuery(snapshotsQuery(vm.vmid));
  const [asked, setAsked] = useState<Asked | null>(null);
  const close = () => setAsked(null);
  const take = verdictOf(vm, 'snapshot-take');
  const rollback = verdictOf(vm, 'snapshot-rollback');
  const remove = verdictOf(vm, 'snapshot-delete');
  if (list.error !== null) return <Failure thrown={list.error} onRetry={() => void list.refetch()} />;
  if (list.data === undefined) return <Spinner aria-label={t`Reading the snapshots`} />;
  return (
    <div className="nk-snapshots">
      <div>
        <Button
          isAriaDisabled={!take.allowed}
          {...(take.allowed ? {} : { title: take.reason })}
          onClick={() => take.allowed && setAsked({ what: 'take' })}
        >
          {t`Take a snapshot`}
        </Button>
        {!take.allowed && <span className="nk-subtle"> {take.reason}</span>}
      </div>
      {list.data.length === 0 && (
        <p className="nk-subtle">{t`No snapshot yet. Take one before a change: rolling back brings the VM to exactly that point.`}</p>
      )}
      <ul className="nk-snapshots__tree" aria-label={t`Snapshots of ${vm.name}`}>
        {snapshotRows(list.data).map(({ snapshot, level }) =>
          snapshot === null ? (
            <li key="now" className="nk-snapshot nk-snapshot--now" style={{ marginInlineStart: `${(level - 1) * 1.75}rem` }}>
              <span className="nk-snapshot__dot" aria-hidden="true" />
              <strong>{t`You are here`}</strong>
            </li>
          ) : (
            <li key={snapshot.name} className="nk-snapshot" style={{ marginInlineStart: `${(level - 1) * 1.75}rem` }}>
              <span className="nk-snapshot__dot" aria-hidden="true" />
              <div className="nk-snapshot__what">
                <strong>{snapshot.name}</strong>{' '}
                {snapshot.memory ? <Label isCompact>{t`with memory`}</Label> : <Label isCompact variant="outline">{t`disks only`}</Label>}
                <span className="nk-subtle"> {time(snapshot.createdAt)}</span>
                {snapshot.pause !== undefined && (
                  <span className="nk-subtle"> {t`the guest stood still for ${Math.round(snapshot.pause.ms)} ms`}</span>
                )}
                {snapshot.description !== '' && <p className="nk-isolate">{snapshot.description}</p>}
                {snapshot.changes !== undefined && snapshot.changes.length > 0 && (
                  <p className="nk-subtle">{t`Other hardware than now: ${snapshot.changes.join(', ')}`}</p>
                )}
              </div>
              <Button
                variant="secondary"
                size="sm"
                isAriaDisabled={!rollback.allowed}
                {...(rollback.allowed ? {} : { title: rollback.reason })}
                aria-label={t`Roll back to ${snapshot.name}`}
                onClick={() => rollback.allowed && setAsked({ what: 'rollback', snapshot })}
              >
                {t`Roll back`}
              </Button>
              <Button
                variant="link"
                size="sm"
                isDanger
                isAriaDisabled={!remove.allowed}
                {...(remove.allowed ? {} : { title: remove.reason })}
                aria-label={t`Delete ${snapshot.name}`}
                onClick={() => remove.allowed && setAsked({ what: 'delete', snapshot })}
              >
                {t`Delete`}
              </Button>
            </li>
          ),
        )}
      </ul>
      {asked?.what === 'take' && <TakeSnapshotDialog vm={vm} taken={list.data} onClose={close} />}
      {asked?.what === 'rollback' && <RollbackDialog vm={vm} snapshot={asked.snapshot} taken={list.data} onClose={close} />}
      {asked?.what === 'delete' && (
        <Confirm
          title={t`Delete ${asked.snapshot.name}`}
          action={t`Delete`}
          danger
          onConfirm={() => api.call('snapshot.delete', { params: { vm: String(vm.vmid), name: asked.snapshot.name } })}
          onClose={close}
        >
          <p>{t`The VM stays as it is now; only the way back to this point is lost.`}</p>
        </Confirm>
      )}
    </div>
  );
}

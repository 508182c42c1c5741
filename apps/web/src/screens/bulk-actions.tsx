import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';
import { toNakhodaError } from '@nakhoda/schema/errors';
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from '@patternfly/react-core';
import { useState } from 'react';

import { orderPower, verdictOf, type PowerAction } from '../data/actions.ts';
import { usePowerNames } from '../parts/power-names.ts';

const offered = ['start', 'shutdown', 'pause', 'resume', 'stop'] as const satisfies PowerAction[];
/** So many orders are on their way at a time: the daemon queues them anyhow. */
const atATime = 4;

/** Orders to all chosen VMs. The question names every VM and says who can and who cannot; afterwards, whose order was refused and why. */
export function BulkActions({ vms, onDone }: { vms: readonly Vm[]; onDone: () => void }) {
  const { t } = useLingui();
  const names = usePowerNames();
  const [asked, setAsked] = useState<{ action: PowerAction; vms: readonly Vm[] } | null>(null);
  return (
    <div className="nk-bulk" role="toolbar" aria-label={t`Orders to the chosen VMs`}>
      {offered.map((action) => (
        <Button key={action} size="sm" variant="secondary" isDisabled={vms.length === 0} onClick={() => setAsked({ action, vms })}>
          {names[action]}
        </Button>
      ))}
      <span className="nk-subtle">{t`${vms.length} chosen`}</span>
      {asked !== null && (
        <BulkDialog
          {...asked}
          onClose={(given) => {
            setAsked(null);
            if (given) onDone();
          }}
        />
      )}
    </div>
  );
}

type Outcome = { readonly given: true } | { readonly given: false; readonly why: string };

function BulkDialog({ action, vms, onClose }: { action: PowerAction; vms: readonly Vm[]; onClose: (given: boolean) => void }) {
  const { t } = useLingui();
  const name = usePowerNames()[action];
  const able = vms.filter((vm) => verdictOf(vm, action).allowed);
  const unable = vms.filter((vm) => !verdictOf(vm, action).allowed);
  const [outcomes, setOutcomes] = useState<ReadonlyMap<number, Outcome>>(new Map());
  const [phase, setPhase] = useState<'asking' | 'giving' | 'told'>('asking');
  const give = async () => {
    setPhase('giving');
    const waiting = [...able];
    const worker = async () => {
      for (let vm = waiting.shift(); vm !== undefined; vm = waiting.shift()) {
        const { vmid } = vm;
        const outcome = await orderPower(vm, action).then(
          (): Outcome => ({ given: true }),
          (thrown: unknown): Outcome => ({ given: false, why: toNakhodaError(thrown).message }),
        );
        setOutcomes((before) => new Map(before).set(vmid, outcome));
      }
    };
    await Promise.all(Array.from({ length: atATime }, worker));
    setPhase('told');
  };
  const refused = [...outcomes.values()].filter(({ given }) => !given).length;
  return (
    <Modal isOpen variant="small" onClose={() => onClose(phase === 'told')} aria-labelledby="bulk-title">
      <ModalHeader title={`${name}: ${able.length}`} labelId="bulk-title" />
      <ModalBody>
        {action === 'stop' && <p>{t`The power is taken away at once. What the guests have not written is lost.`}</p>}
        {phase === 'told' && (
          <p role="status">
            {refused === 0
              ? t`All orders were given; the tasks tell how they go on.`
              : t`${refused} of ${able.length} orders were refused.`}
          </p>
        )}
        <ul className="nk-plain-list">
          {able.map((vm) => {
            const outcome = outcomes.get(vm.vmid);
            return (
              <li key={vm.vmid}>
                {vm.vmid} <span className="nk-isolate">{vm.name}</span>
                {outcome?.given === true && ' ✓'}
                {outcome?.given === false && <span className="nk-isolate">: {outcome.why}</span>}
              </li>
            );
          })}
        </ul>
        {unable.length > 0 && (
          <>
            <h3>{t`Left out, since they cannot`}</h3>
            <ul className="nk-plain-list">
              {unable.map((vm) => (
                <li key={vm.vmid}>
                  {vm.vmid} <span className="nk-isolate">{vm.name}</span>: <span className="nk-subtle">{verdictOf(vm, action).reason}</span>
                </li>
              ))}
            </ul>
          </>
        )}
      </ModalBody>
      <ModalFooter>
        {phase !== 'told' && (
          <Button
            variant={action === 'stop' ? 'danger' : 'primary'}
            isDisabled={able.length === 0 || phase === 'giving'}
            isLoading={phase === 'giving'}
            onClick={() => void give()}
          >
            {name}
          </Button>
        )}
        <Button variant="link" onClick={() => onClose(phase === 'told')}>
          {phase === 'told' ? t`Close` : t`Leave it`}
        </Button>
      </ModalFooter>
    </Modal>
  );
}

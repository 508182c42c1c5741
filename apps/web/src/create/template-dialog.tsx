import { useLingui } from '@lingui/react/macro';
import type { Vm } from '@nakhoda/schema';

import { api } from '../data/session.ts';
import { waitForTask } from '../data/wait-for-task.ts';
import { Confirm } from '../parts/confirm.tsx';

/** Makes a VM a template, or a template an ordinary VM again. */
export function TemplateDialog({ vm, onClose }: { vm: Vm; onClose: () => void }) {
  const { t } = useLingui();
  const { name, template } = vm;
  return (
    <Confirm
      title={template ? t`Make ${name} an ordinary VM again` : t`Make ${name} a template`}
      action={template ? t`Make it a VM` : t`Make it a template`}
      onConfirm={async () => waitForTask((await api.call('vm.set', { params: { vm: String(vm.vmid) }, body: { template: !template } })).id)}
      onClose={onClose}
    >
      <p>
        {template
          ? t`It can be started and changed again. As long as linked clones lie on its disks, this is refused.`
          : t`It does not start any more and its disks stay as they are, so that others can be cloned from it, also linked. It can be made an ordinary VM again.`}
      </p>
    </Confirm>
  );
}

import { msg } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';
import type { Vm, VmAction } from '@nakhoda/schema';
import type { ComponentType } from 'react';

import { CloneDialog } from '../create/clone-dialog.tsx';
import { TemplateDialog } from '../create/template-dialog.tsx';

/** An entry of a VM's menu that opens a dialog. */
export interface MenuEntry {
  readonly key: string;
  name(vm: Vm): MessageDescriptor;
  /** The action whose verdict switches it on or off. */
  readonly action: VmAction;
  readonly Dialog: ComponentType<{ vm: Vm; onClose: () => void }>;
}

/** What a VM's menu offers besides orders to its power. */
export const menuEntries: readonly MenuEntry[] = [
  { key: 'clone', name: () => msg`Clone`, action: 'clone', Dialog: CloneDialog },
  {
    key: 'template',
    name: ({ template }) => (template ? msg`Make it a VM again` : msg`Make it a template`),
    action: 'set',
    Dialog: TemplateDialog,
  },
];

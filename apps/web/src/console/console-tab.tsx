import type { Vm } from '@nakhoda/schema';
import { getRouteApi } from '@tanstack/react-router';

import { Console } from './console.tsx';

const route = getRouteApi('/vms/$vmid');

/** The console as a tab of its VM; which one is in the address. */
export function ConsoleTab({ vm }: { vm: Vm }) {
  const { console: chosen } = route.useSearch();
  const navigate = route.useNavigate();
  const kind = chosen === 'serial' ? 'serial' : 'vnc';
  // Another VM is another console, with nothing of this one's.
  return (
    <Console
      key={vm.vmid}
      vm={vm}
      kind={kind}
      onKind={(next) => void navigate({ search: (before) => ({ ...before, console: next }), replace: true })}
    />
  );
}

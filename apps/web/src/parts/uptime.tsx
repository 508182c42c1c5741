import type { Vm } from '@nakhoda/schema';
import { useEffect, useState } from 'react';

import { duration } from '../data/format.ts';

/** How long a VM has run by now: what was observed, and the time since then. */
export function Uptime({ vm }: { vm: Vm }) {
  const [now, setNow] = useState(Date.now());
  const runs = vm.state === 'running';
  useEffect(() => {
    if (!runs) return undefined;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [runs]);
  if (vm.state === 'paused') return duration(vm.uptimeSeconds);
  if (!runs) return '–';
  return duration(vm.uptimeSeconds + Math.max(0, (now - Date.parse(vm.observedAt)) / 1000));
}

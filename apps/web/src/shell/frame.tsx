import { Outlet, useMatch } from '@tanstack/react-router';

import { Shell } from './shell.tsx';

/** What is around a screen: the shell, or nothing in a window that a console has for itself. */
export function Frame() {
  const alone = useMatch({ from: '/vms/$vmid/console', shouldThrow: false }) !== undefined;
  return alone ? <Outlet /> : <Shell />;
}

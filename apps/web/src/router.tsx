import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';

import { Defect } from './parts/defect.tsx';
import { HostScreen } from './screens/host.tsx';
import { NetworksScreen } from './screens/networks.tsx';
import { NotFound } from './screens/not-found.tsx';
import { Overview } from './screens/overview.tsx';
import { TasksScreen } from './screens/tasks.tsx';
import { VmListScreen } from './screens/vm-list.tsx';
import { Frame } from './shell/frame.tsx';
import { VmScreen } from './vm/vm-screen.tsx';

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound });

/** Takes texts of those names out of an address; all are optional. */
const texts =
  <Name extends string>(...names: readonly Name[]) =>
  (search: Record<string, unknown>): { [K in Name]?: string | undefined } =>
    Object.fromEntries(names.map((name) => [name, search[name] || undefined])) as { [K in Name]?: string | undefined };

const overview = createRoute({ getParentRoute: () => root, path: '/', component: Overview });
/** The list of VMs: its query and order are the address's, so that a list can be sent to somebody. */
const vms = createRoute({
  getParentRoute: () => root,
  path: '/vms',
  component: VmListScreen,
  validateSearch: texts('q', 'sort'),
});
const vm = createRoute({
  getParentRoute: () => root,
  path: '/vms/$vmid',
  component: VmScreen,
  validateSearch: texts('tab', 'edit', 'console'),
});
/** Where the wizard stands, and the task that makes the VM, are the address's too: a reload goes on with them. */
const newVm = createRoute({
  getParentRoute: () => root,
  path: '/vms/new',
  component: lazyRouteComponent(() => import('./create/create-screen.tsx'), 'CreateScreen'),
  validateSearch: texts('step', 'mode', 'task'),
});
const tour = createRoute({
  getParentRoute: () => root,
  path: '/tour',
  component: lazyRouteComponent(() => import('./create/tour-screen.tsx'), 'TourScreen'),
});
/** A console without the shell around it: what a window of its own shows. */
const vmConsole = createRoute({
  getParentRoute: () => root,
  path: '/vms/$vmid/console',
  component: lazyRouteComponent(() => import('./console/console-window.tsx'), 'ConsoleWindow'),
  validateSearch: texts('console'),
});
const networks = createRoute({ getParentRoute: () => root, path: '/networks', component: NetworksScreen });
const tasks = createRoute({
  getParentRoute: () => root,
  path: '/tasks',
  component: TasksScreen,
  validateSearch: texts('task', 'state'),
});
const host = createRoute({ getParentRoute: () => root, path: '/host', component: HostScreen });

export const router = createRouter({
  routeTree: root.addChildren([overview, vms, newVm, vm, vmConsole, tour, networks, tasks, host]),
  // Plain `?q=100` instead of JSON in the address: what a person would type.
  parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
  stringifySearch: (search) => {
    const pairs = Object.entries(search).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
    const text = new URLSearchParams(pairs).toString();
    return text === '' ? '' : `?${text}`;
  },
  defaultErrorComponent: ({ error, reset }) => <Defect error={error} onRetry={reset} />,
  defaultPreload: false,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

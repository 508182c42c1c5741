import type { TaskEngine } from '@nakhoda/tasks';
import type { Store } from '@nakhoda/store';

import type { DaemonConfig } from '../config.ts';
import type { EventBus } from './event-bus.ts';
import type { Freezes } from './freezes.ts';
import type { Hypervisors } from './hypervisors.ts';
import type { Inventory } from './inventory.ts';
import type { Networks } from './networks.ts';

/** What handlers, sagas and reconcilers work with. Made once, in the composition root. */
export interface Services {
  config: DaemonConfig;
  store: Store;
  bus: EventBus;
  hypervisors: Hypervisors;
  inventory: Inventory;
  networks: Networks;
  engine: TaskEngine;
  freezes: Freezes;
  /** The daemon's own log; never shown to callers. */
  log(line: string): void;
  version: string;
  startedAt: string;
}

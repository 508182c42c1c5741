import { foreignEndpoints } from './endpoints/foreign.ts';
import { labEndpoints } from './endpoints/lab.ts';
import { networkEndpoints } from './endpoints/network.ts';
import { sessionEndpoints } from './endpoints/session.ts';
import { snapshotEndpoints } from './endpoints/snapshot.ts';
import { systemEndpoints } from './endpoints/system.ts';
import { taskEndpoints } from './endpoints/task.ts';
import { vmCloneEndpoints } from './endpoints/vm-clone.ts';
import { vmImportEndpoints } from './endpoints/vm-import.ts';
import { vmGuestEndpoints } from './endpoints/vm-guest.ts';
import { vmConsoleEndpoints } from './endpoints/vm-console.ts';
import { vmDeviceEndpoints } from './endpoints/vm-devices.ts';
import { vmUnusedDiskEndpoints } from './endpoints/vm-unused-disks.ts';
import { vmEndpoints } from './endpoints/vm.ts';

/** Every endpoint, by its id. The id is the API's operation id and the handler's name. */
export const endpoints = {
  ...systemEndpoints,
  ...sessionEndpoints,
  ...vmEndpoints,
  ...vmCloneEndpoints,
  ...vmImportEndpoints,
  ...foreignEndpoints,
  ...vmGuestEndpoints,
  ...vmConsoleEndpoints,
  ...vmDeviceEndpoints,
  ...vmUnusedDiskEndpoints,
  ...snapshotEndpoints,
  ...networkEndpoints,
  ...taskEndpoints,
  ...labEndpoints,
};

export type Endpoints = typeof endpoints;
export type EndpointId = keyof Endpoints;

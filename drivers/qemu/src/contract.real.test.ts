import { driverContract, isRequired } from '@nakhoda/driver/contract';

import { makeRealQemu } from './testing/real-qemu.ts';

driverContract({ name: 'qemu', required: isRequired('qemu'), makeHarness: () => makeRealQemu() });

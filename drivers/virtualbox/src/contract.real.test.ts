import { join } from 'node:path';

import { driverContract, isRequired, machineSpec } from '@nakhoda/driver/contract';
import { findTinyIso } from '@nakhoda/host';

import { capabilitiesOf } from './capabilities.ts';
import { readHostFacts } from './host-facts.ts';
import { readRunFile } from './run-record.ts';
import { makeRealHost } from './testing/real-host.ts';

/** Raw frames to a port of loopback where nobody listens: the guest sees a link. */
const cable = { kind: 'udp-tunnel', localPort: 41_701, peerPort: 41_702 } as const;
/** What VirtualBox can give to a disk that comes while the guest runs. */
const hotplugDisk = { bus: 'sata', cache: 'unsafe' } as const;

driverContract({
  name: 'virtualbox',
  required: isRequired('virtualbox'),
  async makeHarness() {
    const host = await makeRealHost();
    const cdrom = process.env['NAKHODA_TINY_ISO'] ?? (await findTinyIso(process.env));
    const { hardware } = capabilitiesOf(readHostFacts(host.runtime));
    let nextVmid = 100;
    return {
      makeDriver: () => host.makeDriver(),
      async spec(overrides = {}) {
        const spec = await machineSpec({ folder: host.folder, vmid: nextVmid++, diskFormat: 'vdi', hardware, cdrom });
        // On SATA, where disks can come and go while the guest runs.
        const disks = spec.disks.map((disk) => ({ ...disk, bus: 'sata' as const, cache: hotplugDisk.cache }));
        return { ...spec, disks, nics: spec.nics.map((nic) => ({ ...nic, attachment: cable })), ...overrides };
      },
      cable,
      hotplugDisk,
      async killMachine(vmid) {
        const file = await readRunFile(join(host.folder, 'run', String(vmid)));
        if (file !== null && 'run' in file) process.kill(file.run.process.pid, 'SIGKILL');
      },
      leftovers: () => host.leftovers(),
      dispose: () => host.dispose(),
      // A second core does not boot in the interpreter, and a boot of some 20 s takes longer on a busy host.
      cores: 1,
      // test/e2e/clones.real.test.ts boots one of each hypervisor.
      bootsFullClones: false,
      limits: { boot: 150, call: 60, shutdown: 120, exec: 45 },
    };
  },
});

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { defaultDisk, defaultNic, type Driver, type MachineDisk, type MachineNic, type MachineSpec } from '@nakhoda/driver';
import { isRequired, machineSpec, testContext } from '@nakhoda/driver/contract';
import { findTinyIso } from '@nakhoda/host';

import { hardwareSupport } from './hardware.ts';
import type { HostFacts } from './host-facts.ts';
import { isOn } from './secure-boot.ts';
import { makeRealHost } from './testing/real-host.ts';
import type { RealHost } from './testing/real-host.ts';

// Hardware other than the default, with the guest as the witness where it has a driver, and VirtualBox's log where not.
const ctx = testContext();
const hardware = hardwareSupport('interpreter');
const mebibyte = 1024 * 1024;

async function withHost(t: test.TestContext, use: (host: RealHost, driver: Driver) => Promise<void>): Promise<void> {
  const host = await makeRealHost();
  try {
    if (host.runtime === null) {
      if (isRequired('virtualbox')) assert.fail('VirtualBox is required, but not set up');
      t.skip('VirtualBox is not set up');
      return;
    }
    const driver = host.makeDriver();
    try {
      await use(host, driver);
    } finally {
      for (const { vmid } of await driver.list(ctx)) {
        await driver.stop(ctx, { vmid, mode: 'poweroff', timeoutSeconds: 30 });
        await driver.undefine(ctx, { vmid });
      }
      await driver.close();
    }
    assert.deepEqual(await host.leftovers(), []);
  } finally {
    await host.dispose();
  }
}

const disk = (spec: MachineSpec, slot: string, change: Partial<MachineDisk>): MachineDisk => ({
  slot,
  path: join(spec.directory, `${slot}.vdi`),
  format: 'vdi',
  sizeBytes: 64 * mebibyte,
  ...defaultDisk(hardware),
  ...change,
});

const nic = (slot: string, mac: string, change: Partial<MachineNic>): MachineNic => ({
  slot,
  mac,
  attachment: { kind: 'none' },
  ...defaultNic(hardware),
  ...change,
});

const logOf = (spec: MachineSpec): Promise<string> => readFile(join(spec.directory, `nakhoda-${spec.vmid}`, 'Logs', 'VBox.log'), 'utf8');

async function booted(driver: Driver, vmid: number): Promise<(line: string) => Promise<string>> {
  await driver.start(ctx, { vmid });
  assert.ok(await driver.guest?.ready(ctx, { vmid, timeoutSeconds: 150 }), 'the guest does not answer');
  return async (line) => {
    const output: Uint8Array[] = [];
    const errors: Uint8Array[] = [];
    const argv = ['sh', '-c', line];
    const options = {
      vmid,
      argv,
      timeoutSeconds: 120,
      onStdout: (data: Uint8Array) => output.push(data),
      onStderr: (data: Uint8Array) => errors.push(data),
    };
    const result = await driver.guest?.exec(ctx, options);
    const said = Buffer.concat(output).toString('utf8').trim();
    assert.equal(result?.exitCode, 0, `${line}: ${said} ${Buffer.concat(errors).toString('utf8')}`);
    return said;
  };
}

test('a guest on ICH9 finds its disks on each bus, its cards, and no display', { timeout: 400_000 }, async (t) => {
  await withHost(t, async (host, driver) => {
    const cdrom = process.env['NAKHODA_TINY_ISO'] ?? (await findTinyIso(process.env));
    const base = await machineSpec({ folder: host.folder, vmid: 100, diskFormat: 'vdi', hardware, cdrom });
    const spec: MachineSpec = {
      ...base,
      machine: 'q35',
      tpm: true,
      audio: true,
      display: 'none',
      disks: [
        disk(base, 'disk0', { bus: 'sata', cache: 'unsafe', ssd: true }),
        disk(base, 'disk1', { bus: 'scsi', cache: 'none', mbpsLimit: 1 }),
        disk(base, 'disk2', { bus: 'nvme', ssd: true }),
      ],
      nics: [
        nic('net0', '52:54:00:00:01:00', { model: 'virtio', attachment: { kind: 'udp-tunnel', localPort: 41_731, peerPort: 41_732 } }),
        nic('net1', '52:54:00:00:01:01', {
          model: 'pcnet',
          attachment: { kind: 'udp-tunnel', localPort: 41_733, peerPort: 41_734 },
          linkUp: false,
        }),
        nic('net2', '52:54:00:00:01:02', { model: 'e1000' }),
      ],
    };
    await driver.define(ctx, { spec });
    const shell = await booted(driver, spec.vmid);

    const cards = await shell(
      'for n in /sys/class/net/eth*; do echo $(cat $n/address) $(basename $(readlink $n/device/driver)) $(cat $n/carrier); done',
    );
    assert.deepEqual(cards.split('\n').toSorted(), [
      '52:54:00:00:01:00 virtio_net 1',
      '52:54:00:00:01:01 pcnet32 0',
      '52:54:00:00:01:02 e1000 0',
    ]);
    const pci = await shell('for d in /sys/bus/pci/devices/*; do cat $d/class; done');
    for (const kind of [/0x040300/u, /0x010802/u, /0x010601/u]) assert.match(pci, kind, 'HDA, NVMe and AHCI');
    assert.doesNotMatch(pci, /0x0300/u, 'a graphics card');
    assert.match(await shell('ls /sys/firmware/acpi/tables'), /MCFG[\s\S]*TPM2/u);

    const names = await shell(
      'for d in /sys/block/sd*; do echo $(basename $(readlink -f $d/device/../../../../driver)) ${d##*/} $(cat $d/queue/rotational $d/queue/discard_max_bytes); done',
    );
    t.diagnostic(names);
    const [, onScsi, rotates, discards] = /^virtio\S* (\S+) (\d) (\d+)$/mu.exec(names) ?? [];
    const [, , sataRotates, sataDiscards] = /^ahci (\S+) (\d) (\d+)$/mu.exec(names) ?? [];
    assert.deepEqual([rotates, discards, sataRotates], ['1', '0', '0']);
    assert.notEqual(sataDiscards, '0', 'an SSD on SATA can be trimmed');

    // Written past both caches: at 1 MB/s, then, changed while the guest runs, at 100 MB/s.
    const seconds = async (): Promise<number> => {
      const begin = performance.now();
      await shell(`dd if=/dev/sr0 of=/dev/${onScsi} bs=65536 count=128 seek=200 oflag=direct 2>/dev/null`);
      return (performance.now() - begin) / 1000;
    };
    const limited = await seconds();
    const wanted = { ...spec, disks: spec.disks.map((one) => (one.slot === 'disk1' ? { ...one, mbpsLimit: 100 } : one)) };
    assert.deepEqual(await driver.hotplug?.change(ctx, { spec: wanted }), { pending: [] });
    const free = await seconds();
    t.diagnostic(`8 MiB written: ${limited.toFixed(1)} s at 1 MB/s, ${free.toFixed(1)} s at 100 MB/s`);
    assert.ok(limited > 7 && limited > free + 3, 'the limit makes no difference');

    const log = await logOf(spec);
    assert.match(log, /TpmEmuTpms/u);
    assert.match(log, /NVMe#0Ns2: disk, total number of blocks 131072/u);
    const flushes = log.match(/DrvVD: Flushes will be \w+( \w+)*/gu) ?? [];
    // The CD drive, then SATA, NVMe and virtio-scsi as VirtualBox makes them; unsafe, writeback and none in the spec.
    t.diagnostic(flushes.join('; '));
    assert.equal(flushes.filter((line) => line.endsWith('passed to the disk')).length, 2);
  });
});

test('a UEFI machine has secure boot in its variable store, and loses it', { timeout: 120_000 }, async (t) => {
  await withHost(t, async (host) => {
    // Its guest is not started: the interpreter does not run this firmware.
    const hostFacts: HostFacts = {
      ...{ version: host.runtime?.version ?? null, lacksRoot: false, missingProgram: null, bridging: false, vncPack: false },
      ...{ driverVersion: host.runtime?.version ?? null, driverDevice: true, virtualizationFlag: true },
    };
    const driver = host.makeDriver({ hostFacts: () => hostFacts });
    t.after(() => driver.close());
    const support = driver.capabilities().hardware;
    const base = await machineSpec({ folder: host.folder, vmid: 100, diskFormat: 'vdi', hardware: support, cdrom: null });
    const spec: MachineSpec = { ...base, firmware: 'uefi', secureBoot: true, tpm: true };
    const isChecked = async (): Promise<boolean> =>
      isOn(await host.vboxManage(['modifynvram', spec.uuid, 'queryvar', '--name', 'SecureBootEnable']));
    await driver.define(ctx, { spec });
    assert.ok(await isChecked());
    const file = await readFile(join(spec.directory, 'nakhoda-100', 'nakhoda-100.vbox'), 'utf8');
    assert.match(file, /<Firmware type="EFI64"\/>[\s\S]*<TrustedPlatformModule type="v2_0"/u);
    await driver.define(ctx, { spec: { ...spec, secureBoot: false, memoryMiB: spec.memoryMiB + 4 } });
    assert.ok(!(await isChecked()));
    await driver.define(ctx, { spec });
    assert.ok(await isChecked());
  });
});

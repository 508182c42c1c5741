import { startDaemon } from '../support/daemon-process.ts';
import { processesOf } from '../support/processes-of.ts';
await using d = await startDaemon({ hypervisors: 'qemu,virtualbox' });
const t0 = performance.now();
const say = (x: unknown) => console.log(Math.round(performance.now() - t0), x);
const timed = async (...args: string[]) => { const t = performance.now(); const r = await d.cli([...args, '--json'], {timeoutMs: 300000}); say([args.join(' '), r.exitCode, Math.round(performance.now() - t), r.stderr.slice(0, 300)]); return r; };
await timed('network', 'create', 'lab', '--cidr', '10.77.0.0/24', '--dhcp');
for (const h of ['qemu', 'virtualbox']) {
  await timed('vm', 'create', `a-${h}`, '--hypervisor', h, '--memory', '64', '--disk', '1', '--network', 'lab');
  await timed('vm', 'start', `a-${h}`);
  await timed('snapshot', 'take', `a-${h}`, 'one', '--memory');
  await timed('snapshot', 'rollback', `a-${h}`, 'one');
  await timed('snapshot', 'take', `a-${h}`, 'two');
  await timed('snapshot', 'delete', `a-${h}`, 'two');
}
for (const { pid, argv } of await processesOf(d.data)) say([pid, argv.join(' ').slice(0, 300)]);
for (const h of ['qemu', 'virtualbox']) {
  await timed('vm', 'show', `a-${h}`).then((r) => say(r.stdout));
  await timed('vm', 'shutdown', `a-${h}`, '--timeout', '5');
  await timed('vm', 'stop', `a-${h}`);
  await timed('vm', 'destroy', `a-${h}`);
}
for (const { pid, argv } of await processesOf(d.data)) say([pid, argv.join(' ').slice(0, 300)]);

import { runningDaemon, stopDaemon } from '../daemon-process.ts';
import { printResult, type Invocation } from '../invocation.ts';

/** Stops the daemon of the data folder, and says how many VMs go on running. None that runs is no failure. */
export async function down(invocation: Invocation): Promise<void> {
  const { client, data } = invocation;
  if ((await runningDaemon(client, data)) === null) {
    await printResult(invocation, null, () => `No daemon runs on ${data}.`);
    return;
  }
  const vms = await client.call('vm.list');
  const running = vms.filter(({ state }) => state === 'running').length;
  const status = await stopDaemon(client, data);
  const rest = running === 0 ? 'No VM is running.' : running === 1 ? 'One VM goes on running.' : `${running} VMs go on running.`;
  await printResult(invocation, status, () => `The daemon (process ${status.pid}) has stopped. ${rest}`);
}

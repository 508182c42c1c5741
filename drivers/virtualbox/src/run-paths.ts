import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a run's helpers keep their things in the VM's runtime folder. */
export function runPaths(runtimeDirectory: string) {
  return {
    /** What the front end prints; it says there why it cannot show its window. */
    frontEndLog: join(runtimeDirectory, 'front-end.log'),
    displayLog: join(runtimeDirectory, 'display.log'),
    /** The cookie without which nobody can use the display. */
    authority: join(runtimeDirectory, 'xauthority'),
    /** Qt's XDG_RUNTIME_DIR. */
    xdg: join(runtimeDirectory, 'xdg'),
    /** Arguments of VBoxManage that nobody else may see. */
    secretArguments: join(runtimeDirectory, 'vboxmanage.args'),
    /** Where VirtualBox puts a picture of the screen, until it has been read. */
    screen: join(runtimeDirectory, 'screen.png'),
    /** All that the guest printed on its first serial port. */
    serialLog: join(runtimeDirectory, 'serial.log'),
  };
}

/** Everything that runs left in a VM's runtime folder. */
export async function removeRuntimeFiles(runtimeDirectory: string): Promise<void> {
  const { serialLog, ...others } = runPaths(runtimeDirectory);
  for (const path of [...Object.values(others), serialLog, `${serialLog}.1`]) await rm(path, { recursive: true, force: true });
}

import type { Account } from './account.ts';
import type { CloneJournal } from './clone-journal.ts';
import type { Consoles } from './consoles.ts';
import type { DefinedFiles } from './defined-files.ts';
import type { AdoptedFolders } from './foreign/adopted-folders.ts';
import type { HostFacts } from './host-facts.ts';
import type { KeyedQueue } from './keyed-queue.ts';
import type { Machines } from './machines.ts';
import type { VBoxManage } from './vboxmanage.ts';
import type { VncServers } from './vnc-servers.ts';

/** What the driver's parts share. */
export interface Parts {
  vbox: VBoxManage;
  machines: Machines;
  consoles: Consoles;
  vnc: VncServers;
  /** The clones that are being made. */
  clones: CloneJournal;
  /** Machines that are still as they were made. */
  defined: DefinedFiles;
  /** Folders of adopted VMs. */
  folders: AdoptedFolders;
  /** Its programs see a file system of their own, or may soon. */
  isolated: boolean;
  /** One operation that changes a VM at a time. */
  operations: KeyedQueue;
  hostFacts(): HostFacts;
  /** As whom VirtualBox's programs run, and the commands for them. */
  account: Account;
  /** Environment of every program of the run time. */
  env: Record<string, string>;
  /** Resolves when VirtualBox has carried out what a killed daemon had ordered; nothing is changed before. */
  settled: Promise<void>;
  /** The driver's own log. */
  log(line: string): void;
  /** Has the VM looked at at once, instead of when its change is announced. */
  changed(vmid: number): void;
}

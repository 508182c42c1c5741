export interface QemuDriverOptions {
  /** Absolute; each VM's directory is a folder directly in it. */
  imagesDirectory: string;
  /** Absolute; each VM's runtime directory is a folder directly in it. */
  runDirectory: string;
  /** Whether KVM runs a guest here, and why or why not. Asked at each start, so the answer may change. */
  probeKvm: () => Promise<{ ok: boolean; reason: string }>;
  /** Programs, looked up in PATH. Default `qemu-system-x86_64` and `qemu-img`. */
  programs?: { system?: string; image?: string };
  /** Absolute folders that QEMU needs beside /usr, where it was unpacked elsewhere. */
  programFolders?: readonly string[];
  /** Marks what the driver makes on the host, and gives each VM its user; see `networkOwner`. Default: of `imagesDirectory`. */
  owner?: string;
  /** Absolute folders with CD images, which every QEMU may read. */
  mediaFolders?: readonly string[];
  /** False lets QEMU run as the daemon's user, which is what happens without root anyway. Default true. */
  isolate?: boolean;
  /**
   * True lets an isolated QEMU older than 8.0 take background snapshots: it keeps a capability, behind a filter that
   * denies all else it is good for. Default false: no capability at all.
   */
  userfaultfd?: boolean;
  /** Milliseconds that a guest may take to let go of a device. Default 30 s. */
  releaseTimeoutMs?: number;
  /** Told about what concerns no single call: records that cannot be read. */
  log?: (line: string) => void;
}

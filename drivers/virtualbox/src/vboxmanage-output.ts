/** What VBoxManage said on standard error, taken apart. */
export interface VBoxComplaint {
  /** VirtualBox's own sentences, without its prefixes and source positions. */
  message: string;
  /** The COM result by name, for example `VBOX_E_OBJECT_NOT_FOUND`; null where it names none. */
  result: string | null;
}

/**
 * VBoxManage's error, or null when it reported none. It may report one and still end with exit code 0
 * (Vagrant and Packer treat that as failure too), so both are looked at.
 */
export function findComplaint(output: { exitCode: number; stderr: string }): VBoxComplaint | null {
  const lines = output.stderr.split('\n').map((line) => line.trimEnd());
  const sentences: string[] = [];
  let result: string | null = null;
  let inError = false;
  for (const line of lines) {
    const error = /^\S*: error: (.*)$/.exec(line)?.[1] ?? /^error: (.*)$/.exec(line)?.[1];
    const text: string = error ?? (inError && !isProgress(line) ? line : '');
    inError = error !== undefined || (inError && text !== '');
    const details = /^Details: code (\w+)/.exec(text);
    if (details?.[1] !== undefined) result ??= details[1];
    else if (text !== '' && !text.startsWith('Context: ')) sentences.push(text);
  }
  if (sentences.length === 0 && result === null && output.exitCode === 0) return null;
  const rest = lines.filter((line) => line !== '' && !isProgress(line)).slice(-3);
  const said = sentences.length > 0 ? sentences : rest;
  return { message: said.join(' ') || `VBoxManage ended with exit code ${output.exitCode} and said nothing.`, result };
}

function isProgress(line: string): boolean {
  return /^(\d+%\.*)+$/.test(line);
}

/**
 * True for the errors that mean "not now": another session is about to lock or unlock the machine, or VBoxSVC
 * has not finished with it, or is just ending (7.2.22: seen after 245 definitions, four at a time), so that the call
 * came to nobody. Nothing was changed, so the call may be repeated. The result code alone does not
 * tell: VBOX_E_INVALID_OBJECT_STATE is also the answer to deleting a snapshot that has several children.
 */
export function isLockComplaint(complaint: VBoxComplaint): boolean {
  if (complaint.result === 'E_ACCESSDENIED' && /not ready/i.test(complaint.message)) return true;
  if (/^Failed to create the VirtualBox object/i.test(complaint.message)) return true;
  return /already locked for a session|lock request pending|being (locked or )?unlocked|while it is locked/i.test(complaint.message);
}

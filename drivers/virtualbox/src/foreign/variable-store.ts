/** EDK2's `AUTHENTICATED_VARIABLE_HEADER`: what precedes a variable's name in a UEFI variable store. */
const headerBytes = 60;
const startMark = 0x55aa;
/** `VAR_ADDED`: neither deleted nor about to be replaced. */
const added = 0x3f;
const name = Buffer.from('SecureBootEnable\0', 'utf16le');

/**
 * Whether the firmware that the store of variables is of checks signatures: the last valid `SecureBootEnable` in it, as
 * `VBoxManage modifynvram queryvar` would tell (compared with 7.2.22). VirtualBox keeps the store as it is in its file, or
 * in an archive with the TPM's memory, which is not compressed. Pure.
 */
export function secureBootIn(store: Buffer): boolean {
  let on = false;
  for (let at = store.indexOf(name); at !== -1; at = store.indexOf(name, at + 1)) {
    const header = at - headerBytes;
    if (header < 0 || at + name.length >= store.length) continue;
    const valid =
      store.readUInt16LE(header) === startMark && store[header + 2] === added && store.readUInt32LE(header + 36) === name.length;
    if (valid) on = store[at + name.length] === 1;
  }
  return on;
}

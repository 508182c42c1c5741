/** Bytes of a file that go through the guest channel at once. More goes over the network. */
export const guestFileLimitBytes = 512 * 1024;
/** Bytes of standard input for a command in a guest. */
export const guestInputLimitBytes = 64 * 1024;
/** Seconds after which a frozen guest is thawed, whoever froze it: the default, and the most that can be asked for. */
export const freezeSeconds = { usual: 60, most: 600 } as const;

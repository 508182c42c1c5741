/** The administrator's account. */
export interface AdminRecord {
  readonly user: string;
  /** As `hashPassword` writes it. */
  readonly passwordHash: string;
}

/** A login. The cookie's value itself is never kept. Times are milliseconds since 1970. */
export interface SessionRecord {
  readonly user: string;
  readonly createdAt: number;
  readonly lastSeenAt: number;
}

/** A bearer token. The token itself is never kept. */
export interface TokenRecord {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
}

/** Everything that must outlive the daemon for logins to go on. Sessions and tokens are keyed by SHA-256 in hexadecimal. */
export interface AuthRecords {
  readonly admin: AdminRecord | null;
  readonly sessions: Readonly<Record<string, SessionRecord>>;
  readonly tokens: Readonly<Record<string, TokenRecord>>;
}

export const noAuthRecords: AuthRecords = { admin: null, sessions: {}, tokens: {} };

/** Where the records are kept. */
export interface AuthStore {
  /** The records as they are now. Cheap: it is asked on every request. */
  read(): AuthRecords;
  /** Applies the change to the newest records and returns when it is on the disk. Changes are applied one after another. */
  update(change: (records: AuthRecords) => AuthRecords): Promise<void>;
}

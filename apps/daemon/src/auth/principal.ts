/** Who sends a request. Everybody who is let in is an administrator until users and roles come. */
export interface Principal {
  /** `local`: the Unix socket, whose file mode is the lock. `session`: a cookie. `token`: a bearer token. */
  readonly kind: 'local' | 'session' | 'token';
  /** As tasks and the log name them: `root@local`, `admin`, `admin!ci`. */
  readonly user: string;
}

/** The caller on the Unix socket. */
export const localAdministrator: Principal = { kind: 'local', user: 'root@local' };

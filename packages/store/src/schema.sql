-- The whole schema, for people to read: what the migrations add up to, which a test proves. Never run by the daemon.

-- One row: the revision of the last change, and the last revision whose changes are no longer kept.
CREATE TABLE store_state (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL,
  compacted INTEGER NOT NULL
) STRICT;

-- The present values. `revision` is that of the key's last change.
CREATE TABLE store_entries (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL CHECK (json_valid(value)),
  revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last changes, for watchers. A null value is a delete.
CREATE TABLE store_changes (
  revision INTEGER NOT NULL,
  key TEXT NOT NULL,
  value TEXT,
  PRIMARY KEY (revision, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE tasks (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  title TEXT NOT NULL,
  target TEXT,
  user TEXT NOT NULL,
  request_id TEXT,
  state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'unwinding', 'succeeded', 'failed', 'cancelled', 'stuck')),
  input TEXT NOT NULL CHECK (json_valid(input)),
  data TEXT NOT NULL CHECK (json_valid(data)),
  locks TEXT NOT NULL CHECK (json_valid(locks)),
  steps TEXT NOT NULL CHECK (json_valid(steps)),
  progress REAL NOT NULL CHECK (progress BETWEEN 0 AND 1),
  result TEXT NOT NULL CHECK (json_valid(result)),
  outcome TEXT CHECK (json_valid(outcome)),
  error TEXT CHECK (json_valid(error)),
  created_at TEXT NOT NULL,
  started_at TEXT,
  ended_at TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX tasks_by_state ON tasks (state, id);

CREATE INDEX tasks_by_target ON tasks (target, id);

CREATE TABLE task_log (
  task_id TEXT NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  at TEXT NOT NULL,
  line TEXT NOT NULL,
  PRIMARY KEY (task_id, seq)
) STRICT, WITHOUT ROWID;

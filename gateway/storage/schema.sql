-- The store, version 1. Instants are microseconds since 1970-01-01T00:00:00Z.
-- One process writes (the gateway's ingest); everybody else opens it read-only.

CREATE TABLE device (
    id        TEXT PRIMARY KEY,
    edge      TEXT NOT NULL,
    card      BLOB NOT NULL,            -- JSON, contracts.messages.Card
    available INTEGER NOT NULL DEFAULT 1,
    changed   INTEGER NOT NULL DEFAULT 0,
    cause     TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE TABLE point (
    id       INTEGER PRIMARY KEY,
    path     TEXT NOT NULL UNIQUE,      -- device/name
    device   TEXT NOT NULL,
    quantity TEXT NOT NULL DEFAULT '',  -- '' until a card says
    unit     TEXT NOT NULL DEFAULT '',
    space    TEXT NOT NULL DEFAULT '',
    period   INTEGER NOT NULL DEFAULT 0 -- microseconds
) STRICT;

CREATE TABLE edge (
    id       TEXT PRIMARY KEY,
    online   INTEGER NOT NULL,
    changed  INTEGER NOT NULL,
    presence BLOB NOT NULL              -- JSON, contracts.messages.Presence
) STRICT, WITHOUT ROWID;

CREATE TABLE stream (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    edge  TEXT NOT NULL,
    begun INTEGER NOT NULL              -- when its first batch was received
) STRICT;

-- Closed ranges of sequence numbers that are in the store; the complement is the gap ledger.
CREATE TABLE committed (
    stream INTEGER NOT NULL REFERENCES stream,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (stream, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE gap (
    stream  INTEGER NOT NULL REFERENCES stream,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    noticed INTEGER NOT NULL,
    since   INTEGER,                    -- event time before the hole, where known
    until   INTEGER,                    -- event time after it
    cause   TEXT NOT NULL DEFAULT '',   -- '' awaited, 'thinned', …
    PRIMARY KEY (stream, first)
) STRICT, WITHOUT ROWID;

CREATE TABLE reading (
    point    INTEGER NOT NULL REFERENCES point,
    at       INTEGER NOT NULL,
    stream   INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    value    REAL,
    quality  INTEGER NOT NULL,          -- 0 good, 1 implausible, 2 unavailable
    received INTEGER NOT NULL,
    PRIMARY KEY (point, at, stream, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE event (
    stream   INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    received INTEGER NOT NULL,
    kind     TEXT NOT NULL,             -- the record's kind on the wire
    subject  TEXT NOT NULL,             -- device, loan, delivery, robot, command …
    body     BLOB NOT NULL,             -- JSON, the whole record
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX event_by_kind ON event (kind, at);

CREATE TABLE unreadable (
    stream   INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    received INTEGER NOT NULL,
    raw      BLOB NOT NULL,
    reason   TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- Counts of what was refused, doubled, late … by name.
CREATE TABLE tally (
    name  TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE engine_state (
    engine  TEXT NOT NULL,
    subject TEXT NOT NULL,
    state   BLOB NOT NULL,              -- JSON
    PRIMARY KEY (engine, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE alarm (
    id       INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,             -- limit, silence, edge-silence, retrospective, device, …
    source   TEXT NOT NULL,             -- point, device or edge
    space    TEXT NOT NULL DEFAULT '',
    priority TEXT NOT NULL,             -- low, medium, high
    state    TEXT NOT NULL,             -- unacknowledged, acknowledged, returned-unacknowledged, normal
    raised   INTEGER NOT NULL,          -- event time
    noticed  INTEGER NOT NULL,          -- when the gateway raised it
    cleared  INTEGER,
    code     TEXT NOT NULL,             -- what to say, by code …
    params   TEXT NOT NULL DEFAULT '{}' -- … and its parameters, JSON
) STRICT;
CREATE INDEX alarm_open ON alarm (state) WHERE state <> 'normal';
CREATE INDEX alarm_by_source ON alarm (source, code, kind, raised);

CREATE TABLE alarm_action (
    alarm   INTEGER NOT NULL REFERENCES alarm,
    at      INTEGER NOT NULL,
    action  TEXT NOT NULL,              -- raise, clear, acknowledge, comment
    who     TEXT NOT NULL DEFAULT '',
    comment TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX alarm_action_of ON alarm_action (alarm, at);

-- Crossings of one counter between two readings of it; a late reading splits an interval.
CREATE TABLE crossing (
    gate      TEXT NOT NULL,
    direction TEXT NOT NULL,            -- entry, exit
    since     INTEGER NOT NULL,
    until     INTEGER NOT NULL,
    count     INTEGER,                  -- NULL: unknown (reset, swap, implausible)
    flag      TEXT NOT NULL DEFAULT '', -- '', reset, rollover, implausible, outage
    PRIMARY KEY (gate, direction, until)
) STRICT, WITHOUT ROWID;

CREATE TABLE loan (
    id      TEXT PRIMARY KEY,
    kiosk   TEXT NOT NULL,
    action  TEXT NOT NULL,
    step    TEXT NOT NULL,
    item    TEXT NOT NULL,
    title   TEXT NOT NULL DEFAULT '',
    due     TEXT NOT NULL DEFAULT '',
    reason  TEXT NOT NULL DEFAULT '',
    begun   INTEGER NOT NULL,
    changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX loan_by_time ON loan (changed);

CREATE TABLE delivery (
    id          TEXT PRIMARY KEY,
    robot       TEXT NOT NULL,
    step        TEXT NOT NULL,
    item        TEXT NOT NULL,
    origin      TEXT NOT NULL,
    destination TEXT NOT NULL,
    node        TEXT NOT NULL DEFAULT '',
    reason      TEXT NOT NULL DEFAULT '',
    begun       INTEGER NOT NULL,
    changed     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_by_time ON delivery (changed);

CREATE TABLE robot (
    id      TEXT PRIMARY KEY,
    changed INTEGER NOT NULL,
    body    BLOB NOT NULL               -- JSON, contracts.records.RobotChanged
) STRICT, WITHOUT ROWID;

CREATE TABLE command (
    id      TEXT PRIMARY KEY,
    device  TEXT NOT NULL,
    action  TEXT NOT NULL,
    body    BLOB NOT NULL,              -- JSON, contracts.messages.Command
    who     TEXT NOT NULL,
    issued  INTEGER NOT NULL,
    status  TEXT NOT NULL DEFAULT 'sent',
    reason  TEXT NOT NULL DEFAULT '',
    value   REAL,
    ended   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX command_waiting ON command (issued) WHERE status = 'sent';

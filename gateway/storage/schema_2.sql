-- The store, version 2: lives of streams, holes that say why, layouts of samples, commands that
-- know whom they are for.

ALTER TABLE stream ADD COLUMN settled_to INTEGER NOT NULL DEFAULT 0; -- below: the edge has no more
ALTER TABLE stream ADD COLUMN newest INTEGER;                        -- event time of the last number
ALTER TABLE stream ADD COLUMN session TEXT NOT NULL DEFAULT '';      -- whose batch was the last
ALTER TABLE stream ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;      -- the edge said how it ends
ALTER TABLE stream ADD COLUMN unnamed INTEGER NOT NULL DEFAULT 0;    -- since presence names it no more

ALTER TABLE gap ADD COLUMN reason TEXT NOT NULL DEFAULT '';

-- One start of an edge, and its first number in a stream. What 0.1 wrote is one life, ''.
CREATE TABLE life (
    stream INTEGER NOT NULL REFERENCES stream,
    since  INTEGER NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (stream, since)
) STRICT, WITHOUT ROWID;
INSERT INTO life (stream, since, name) SELECT id, 1, '' FROM stream;

-- Numbers that a life does not own, or not yet, of records that are in the store under another.
CREATE TABLE formerly (
    stream INTEGER NOT NULL REFERENCES stream,
    life   TEXT NOT NULL,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    PRIMARY KEY (stream, life, first)
) STRICT, WITHOUT ROWID;

-- Committed numbers of records that are in the store under another number: what a survivor of
-- thinning was before, or a second survivor of the same record.
CREATE TABLE elsewhere (
    stream INTEGER NOT NULL REFERENCES stream,
    seq    INTEGER NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- Which points a sample holds.
CREATE TABLE layout (
    id     INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    digest TEXT NOT NULL,
    body   BLOB NOT NULL,               -- JSON, contracts.layouts.Layout
    UNIQUE (device, digest)
) STRICT;

CREATE TABLE quality (
    code INTEGER PRIMARY KEY,
    word TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO quality (code, word) VALUES (0, 'good'), (1, 'implausible'), (2, 'unavailable');

-- The instants with which this store's gateway stamped what it sent. An edge that heard another
-- one heard a gateway whose store is no more.
CREATE TABLE stamped (
    id    INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
) STRICT;

-- Time of which the store lacks what it once had.
CREATE TABLE lost_time (
    edge    TEXT NOT NULL,
    since   INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    noticed INTEGER NOT NULL,
    PRIMARY KEY (edge, since)
) STRICT, WITHOUT ROWID;

ALTER TABLE command ADD COLUMN edge TEXT NOT NULL DEFAULT '';

-- Every statement of the writer, by name. Readers have their own.

-- name: streams
SELECT id, name, edge, settled_to, newest, session, ended, unnamed FROM stream

-- name: keep_stream
UPDATE stream SET settled_to = ?, newest = ?, session = ?, ended = ?, unnamed = ? WHERE id = ?

-- name: lives
SELECT stream, since, name FROM life

-- name: new_life
INSERT INTO life (stream, since, name) VALUES (?, ?, ?)

-- name: formerly
SELECT stream, life, first, last FROM formerly

-- name: keep_formerly
INSERT OR REPLACE INTO formerly (stream, life, first, last) VALUES (?, ?, ?, ?)

-- name: drop_formerly
DELETE FROM formerly WHERE stream = ? AND life = ? AND first = ?

-- name: new_stream
INSERT INTO stream (name, edge, begun) VALUES (?, ?, ?) RETURNING id

-- name: committed_ranges
SELECT stream, first, last FROM committed

-- name: commit_range
INSERT OR REPLACE INTO committed (stream, first, last) VALUES (?, ?, ?)

-- name: uncommit_range
DELETE FROM committed WHERE stream = ? AND first = ?

-- name: gaps
SELECT stream, first, last, noticed, since, until, cause, reason FROM gap

-- name: open_gap
INSERT OR REPLACE INTO gap (stream, first, last, noticed, since, until, cause, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: close_gap
DELETE FROM gap WHERE stream = ? AND first = ?

-- name: add_elsewhere
INSERT INTO elsewhere (stream, seq) VALUES (?, ?)

-- name: layouts
SELECT device, body FROM layout ORDER BY id

-- name: new_layout
INSERT INTO layout (device, digest, body) VALUES (?, ?, ?)

-- name: drop_layout
DELETE FROM layout WHERE device = ? AND digest = ?

-- name: qualities
SELECT code, word FROM quality

-- name: new_quality
INSERT INTO quality (word) VALUES (?) RETURNING code

-- name: stamped
SELECT id, first, last FROM stamped ORDER BY id

-- name: begin_stamps
INSERT INTO stamped (first, last) VALUES (?1, ?1) RETURNING id

-- name: stamp
UPDATE stamped SET last = ? WHERE id = ?

-- name: lose_time
INSERT OR IGNORE INTO lost_time (edge, since, until, noticed) VALUES (?, ?, ?, ?)

-- name: points
SELECT id, path, device, quantity, unit, space, period FROM point

-- name: new_point
INSERT INTO point (path, device, quantity, unit, space, period) VALUES (?, ?, ?, ?, ?, ?)
RETURNING id

-- name: describe_point
UPDATE point SET quantity = ?, unit = ?, space = ?, period = ? WHERE id = ?

-- name: newest_reading
SELECT at, value, quality, received FROM reading
WHERE point = ? AND at <= received + ? ORDER BY at DESC LIMIT 1

-- name: newest_good
SELECT at, value, received FROM reading
WHERE point = ? AND quality = 0 AND at <= received + ? ORDER BY at DESC LIMIT 1

-- name: add_reading
INSERT INTO reading (point, at, stream, seq, value, quality, received) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: good_before
SELECT at, value FROM reading
WHERE point = ? AND at < ? AND quality = 0 AND at <= received + ? ORDER BY at DESC

-- name: good_from
SELECT at, value FROM reading
WHERE point = ? AND at >= ? AND quality = 0 AND at <= received + ? ORDER BY at

-- name: add_event
INSERT INTO event (stream, seq, at, received, kind, subject, body) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: add_unreadable
INSERT INTO unreadable (stream, seq, received, raw, reason) VALUES (?, ?, ?, ?, ?)

-- name: count
INSERT INTO tally (name, count) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET count = count + excluded.count

-- name: states
SELECT subject, state FROM engine_state WHERE engine = ?

-- name: forget_state
DELETE FROM engine_state WHERE engine = ? AND subject = ?

-- name: keep_state
INSERT OR REPLACE INTO engine_state (engine, subject, state) VALUES (?, ?, ?)

-- name: devices
SELECT id, edge, card, available, changed, cause FROM device

-- name: keep_device
INSERT OR REPLACE INTO device (id, edge, card, available, changed, cause) VALUES (?, ?, ?, ?, ?, ?)

-- name: edges
SELECT id, online, changed, presence FROM edge

-- name: keep_edge
INSERT OR REPLACE INTO edge (id, online, changed, presence) VALUES (?, ?, ?, ?)

-- name: open_alarms
SELECT id, kind, source, code, state FROM alarm WHERE state <> 'normal'

-- name: count_open_alarms
SELECT count(*) FROM alarm WHERE state <> 'normal'

-- name: new_alarm
INSERT INTO alarm (kind, source, space, priority, state, raised, noticed, cleared, code, params)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id

-- name: alarm_state
SELECT state, kind, source, code FROM alarm WHERE id = ?

-- name: move_alarm
UPDATE alarm SET state = ?, cleared = ? WHERE id = ?

-- name: acknowledge_alarm
UPDATE alarm SET state = ? WHERE id = ?

-- name: raise_alarm_again
UPDATE alarm SET state = ?, raised = ?, cleared = NULL, params = ? WHERE id = ?

-- name: extend_alarm
UPDATE alarm SET raised = ?, cleared = ?, params = ? WHERE id = ?

-- name: note_action
INSERT INTO alarm_action (alarm, at, action, who, comment) VALUES (?, ?, ?, ?, ?)

-- name: overlapping_retrospective
SELECT id, raised, cleared FROM alarm
WHERE source = ? AND code = ? AND kind = 'retrospective' AND raised <= ? AND cleared >= ?
ORDER BY raised LIMIT 1

-- name: live_alarm_during
SELECT 1 FROM alarm
WHERE source = ? AND code = ? AND kind = 'limit' AND raised <= ?
  AND (cleared IS NULL OR cleared >= ?)
LIMIT 1

-- name: count_at
SELECT max(value) FROM reading
WHERE point = ? AND at = ? AND quality = 0 AND at <= received + ?

-- name: keep_crossing
INSERT OR REPLACE INTO crossing (gate, direction, since, until, count, flag)
VALUES (?, ?, ?, ?, ?, ?)

-- name: loan
SELECT step, begun, changed, kiosk, action, item, title, due, reason FROM loan WHERE id = ?

-- name: keep_loan
INSERT OR REPLACE INTO loan (id, step, begun, changed, kiosk, action, item, title, due, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: delivery
SELECT step, begun, changed, robot, item, origin, destination, node, reason
FROM delivery WHERE id = ?

-- name: keep_delivery
INSERT OR REPLACE INTO delivery
(id, step, begun, changed, robot, item, origin, destination, node, reason)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: keep_robot
INSERT INTO robot (id, changed, body) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET changed = excluded.changed, body = excluded.body
WHERE excluded.changed >= changed

-- name: command
SELECT status, edge FROM command WHERE id = ?

-- name: waiting_commands
SELECT edge, body FROM command WHERE status = 'sent' ORDER BY issued

-- name: new_command
INSERT INTO command (id, device, action, body, who, issued, edge) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: end_command
UPDATE command SET status = ?, reason = ?, value = ?, ended = ? WHERE id = ?

"""The SQL of the store that is more than a plain insert."""

CHANGE_BY_ID = "SELECT document FROM changes WHERE id = ?"
CHANGE_BY_KEY = """
SELECT document FROM changes JOIN keys ON changes.id = keys.change_id
WHERE keys.key = ? AND keys.at >= ?
"""
OPEN_TWIN = """
SELECT document FROM changes WHERE open = 1 AND action = ? AND version = ? AND target = ?
"""
OPEN = "SELECT document FROM changes WHERE open = 1 ORDER BY number"
OPEN_TO = "SELECT document FROM changes WHERE open = 1 AND target = ? ORDER BY number"
RECENT = "SELECT document FROM changes WHERE number < ? ORDER BY number DESC LIMIT ?"
NUMBER = "SELECT number FROM changes WHERE id = ?"
# The compare-and-swap.
MOVE = """
UPDATE changes SET state = :state, revision = :revision, updated_at = :updated_at, open = :open,
    document = :document
WHERE id = :id AND state = :state_before AND revision = :revision_before
"""
KEEP_KEY = "INSERT OR REPLACE INTO keys (key, change_id, at) VALUES (?, ?, ?)"

EVENTS = """
SELECT sequence, change_id, kind, at, details FROM events
WHERE sequence > ? ORDER BY sequence LIMIT ?
"""

STORY = """
SELECT sequence, change_id, kind, at, details FROM (
    SELECT * FROM events WHERE change_id = ? ORDER BY sequence DESC LIMIT ?
) ORDER BY sequence
"""

# Behind every change that waits and every environment that was served.
NEXT_TURN = """
SELECT 1 + max(
    (SELECT coalesce(max(turn), 0) FROM changes WHERE open = 1),
    (SELECT coalesce(max(turn), 0) FROM claims)
)
"""
WAITING = """
SELECT number, target, id, document FROM changes
WHERE open = 1 AND state IN ('checking', 'executing') ORDER BY turn
"""
REQUEUE = "UPDATE changes SET turn = ? WHERE number = ?"
HOLDS = "SELECT target, turn, change_id, renewed, until, doubted FROM claims"
DOUBT = "UPDATE claims SET doubted = ? WHERE target = ?"
TAKE = """
INSERT OR REPLACE INTO claims (target, turn, change_id, worker, renewed, until, doubted)
VALUES (?, ?, ?, ?, ?, ?, NULL)
"""
RENEW = """
UPDATE claims SET renewed = ?, until = ?, doubted = NULL WHERE change_id = ? AND worker = ?
"""
RELEASE = """
UPDATE claims SET change_id = NULL, worker = NULL, doubted = NULL
WHERE change_id = ? AND worker = ?
"""

KEEP_OUTPUT = "INSERT OR REPLACE INTO outputs (change_id, gate, at, output) VALUES (?, ?, ?, ?)"
OUTPUT = "SELECT output FROM outputs WHERE change_id = ? AND gate = ?"
RUNS = "SELECT seconds FROM gate_runs WHERE target = ? AND gate = ? ORDER BY number DESC LIMIT ?"
FORGET_RUNS = """
DELETE FROM gate_runs WHERE number IN (
    SELECT number FROM gate_runs WHERE target = ? AND gate = ?
    ORDER BY number DESC LIMIT -1 OFFSET ?
)
"""
REMEMBER = "INSERT OR REPLACE INTO verifications (key, at, value) VALUES (?, ?, ?)"
RECALL = "SELECT value FROM verifications WHERE key = ?"

HEAD = "SELECT sequence, digest FROM known_heads WHERE repository = ? AND environment = ?"
# An older head, or another one of the same sequence, does not replace the known one.
KEEP_HEAD = """
INSERT INTO known_heads (repository, environment, sequence, digest) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET sequence = excluded.sequence, digest = excluded.digest
WHERE excluded.sequence > known_heads.sequence
"""
FORGET_HEAD = "DELETE FROM known_heads WHERE repository = ? AND environment = ?"
COUNT = "SELECT waiting, recorded_at, taken_until, seen_at FROM refusal_counts WHERE kind = ?"
KEEP_COUNT = "INSERT OR REPLACE INTO refusal_counts VALUES (?, ?, ?, ?, ?)"
FORGET_COUNTS = """
DELETE FROM refusal_counts WHERE kind IN (
    SELECT kind FROM refusal_counts ORDER BY seen_at DESC LIMIT -1 OFFSET ?
)
"""
OUTCOMES = """
SELECT outcomes FROM sync_outcomes WHERE repository = ? AND environment = ? AND record = ?
"""
KEEP_OUTCOMES = "INSERT OR REPLACE INTO sync_outcomes VALUES (?, ?, ?, ?)"
ADD_OUTCOMES = "INSERT OR IGNORE INTO sync_outcomes VALUES (?, ?, ?, ?)"

CLEAR_KEYS = """
DELETE FROM keys WHERE rowid IN (SELECT rowid FROM keys WHERE at < ? ORDER BY at LIMIT ?)
"""
CLEAR_EVENTS = """
DELETE FROM events WHERE rowid IN (SELECT rowid FROM events WHERE at < ? ORDER BY at LIMIT ?)
"""
CLEAR_OUTPUTS = """
DELETE FROM outputs WHERE rowid IN (
    SELECT rowid FROM outputs
    WHERE at < ? AND change_id NOT IN (SELECT id FROM changes WHERE open = 1)
    ORDER BY at LIMIT ?
)
"""
CLEAR_VERIFICATIONS = """
DELETE FROM verifications
WHERE rowid IN (SELECT rowid FROM verifications WHERE at < ? ORDER BY at LIMIT ?)
"""

"""
The SQL of the store.

`{where}` is the condition on the product, whose parameter comes first, or nothing. `claims` and
`gate_runs` have the qualified names of environments (`engine.domain.product`) in `target`.
"""

CHANGE_BY_ID = "SELECT document FROM changes WHERE {where} id = ?"
CHANGE_BY_KEY = """
SELECT document FROM changes JOIN keys ON changes.id = keys.change_id
WHERE keys.key = ? AND keys.at >= ?
"""
OPEN_TWIN = """
SELECT document FROM changes
WHERE open = 1 AND product = ? AND action = ? AND version = ? AND target = ?
"""
OPEN = "SELECT document FROM changes WHERE {where} open = 1 ORDER BY number"
OPEN_TO = "SELECT document FROM changes WHERE {where} open = 1 AND target = ? ORDER BY number"
RECENT = "SELECT document FROM changes WHERE {where} number < ? ORDER BY number DESC LIMIT ?"
NUMBER = "SELECT number FROM changes WHERE id = ?"
ADD_CHANGE = """
INSERT INTO changes (id, product, action, target, version, turn, state, revision, updated_at, open,
    document)
VALUES (:id, :product, :action, :target, :version, :turn, :state, :revision, :updated_at, :open,
    :document)
"""
# The compare-and-swap.
MOVE = """
UPDATE changes SET state = :state, revision = :revision, updated_at = :updated_at, open = :open,
    document = :document
WHERE id = :id AND state = :state_before AND revision = :revision_before
"""
KEEP_KEY = """
INSERT INTO keys (key, change_id, at) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET change_id = excluded.change_id, at = excluded.at
"""

# Of a server that had a single manifest before.
UNNAMED = "SELECT document FROM changes WHERE product = '' ORDER BY number LIMIT ?"
ADOPT = "UPDATE changes SET product = ?, document = ? WHERE id = ?"
ADOPT_KEYS = "UPDATE keys SET key = ? || key WHERE change_id = ?"
ADOPT_RUNS = "UPDATE gate_runs SET target = ? || target WHERE target NOT LIKE '%/%'"
# Of runs without a change, which are named by their trace.
ADOPT_OUTPUTS = """
UPDATE outputs SET change_id = ? || change_id
WHERE change_id NOT LIKE '%/%'
    AND NOT EXISTS (SELECT 1 FROM changes WHERE changes.id = outputs.change_id)
"""
FORGET_UNNAMED_CLAIMS = "DELETE FROM claims WHERE target NOT LIKE '%/%'"

ADD_EVENT = "INSERT INTO events (change_id, kind, at, details) VALUES (?, ?, ?, ?)"
FORGET_EVENTS = """
DELETE FROM events WHERE change_id = ? AND kind = ? AND sequence <= (
    SELECT sequence FROM events WHERE change_id = ? AND kind = ?
    ORDER BY sequence DESC LIMIT 1 OFFSET ?
)
"""
EVENTS = """
SELECT sequence, change_id, kind, at, details FROM events
WHERE sequence > ? ORDER BY sequence LIMIT ?
"""

STORY = """
SELECT sequence, change_id, kind, at, details FROM (
    SELECT * FROM events WHERE change_id = ? ORDER BY sequence DESC LIMIT ?
) AS newest ORDER BY sequence
"""

# Behind every change that waits and every environment that was served.
NEXT_TURN = """
SELECT 1 + coalesce(max(turn), 0) FROM (
    SELECT max(turn) AS turn FROM changes WHERE open = 1 UNION ALL SELECT max(turn) FROM claims
) AS turns
"""
WAITING = """
SELECT number, product, target, id, document FROM changes
WHERE open = 1 AND state IN ('checking', 'executing') ORDER BY turn
"""
REQUEUE = "UPDATE changes SET turn = ? WHERE number = ?"
HOLDS = "SELECT target, turn, change_id, renewed, until, doubted FROM claims"
DOUBT = "UPDATE claims SET doubted = ? WHERE target = ?"
TAKE = """
INSERT INTO claims (target, turn, change_id, worker, renewed, until, doubted)
VALUES (?, ?, ?, ?, ?, ?, NULL)
ON CONFLICT (target) DO UPDATE SET turn = excluded.turn, change_id = excluded.change_id,
    worker = excluded.worker, renewed = excluded.renewed, until = excluded.until, doubted = NULL
"""
RENEW = """
UPDATE claims SET renewed = ?, until = ?, doubted = NULL WHERE change_id = ? AND worker = ?
"""
RELEASE = """
UPDATE claims SET change_id = NULL, worker = NULL, doubted = NULL
WHERE change_id = ? AND worker = ?
"""

KEEP_OUTPUT = """
INSERT INTO outputs (change_id, gate, at, output) VALUES (?, ?, ?, ?)
ON CONFLICT (change_id, gate) DO UPDATE SET at = excluded.at, output = excluded.output
"""
OUTPUT = "SELECT output FROM outputs WHERE change_id = ? AND gate = ?"
RUNS = "SELECT seconds FROM gate_runs WHERE target = ? AND gate = ? ORDER BY number DESC LIMIT ?"
ADD_RUN = "INSERT INTO gate_runs (target, gate, seconds) VALUES (?, ?, ?)"
FORGET_RUNS = """
DELETE FROM gate_runs WHERE number IN (
    SELECT number FROM gate_runs WHERE target = ? AND gate = ?
    ORDER BY number DESC LIMIT 9223372036854775807 OFFSET ?
)
"""
REMEMBER = """
INSERT INTO verifications (key, at, value) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET at = excluded.at, value = excluded.value
"""
RECALL = "SELECT value FROM verifications WHERE key = ?"

HEAD = "SELECT sequence, digest FROM known_heads WHERE repository = ? AND environment = ?"
# An older head, or another one of the same sequence, does not replace the known one.
KEEP_HEAD = """
INSERT INTO known_heads (repository, environment, sequence, digest) VALUES (?, ?, ?, ?)
ON CONFLICT (repository, environment) DO UPDATE
SET sequence = excluded.sequence, digest = excluded.digest
WHERE excluded.sequence > known_heads.sequence
"""
FORGET_HEAD = "DELETE FROM known_heads WHERE repository = ? AND environment = ?"
COUNT = "SELECT waiting, recorded_at, taken_until, seen_at FROM refusal_counts WHERE kind = ?"
KEEP_COUNT = """
INSERT INTO refusal_counts (kind, waiting, recorded_at, taken_until, seen_at)
VALUES (?, ?, ?, ?, ?)
ON CONFLICT (kind) DO UPDATE SET waiting = excluded.waiting, recorded_at = excluded.recorded_at,
    taken_until = excluded.taken_until, seen_at = excluded.seen_at
"""
FORGET_COUNTS = """
DELETE FROM refusal_counts WHERE kind IN (
    SELECT kind FROM refusal_counts ORDER BY seen_at DESC LIMIT 9223372036854775807 OFFSET ?
)
"""
OUTCOMES = """
SELECT outcomes FROM sync_outcomes WHERE repository = ? AND environment = ? AND record = ?
"""
_NEW_OUTCOMES = """
INSERT INTO sync_outcomes (repository, environment, record, outcomes) VALUES (?, ?, ?, ?)
ON CONFLICT (repository, environment) DO"""
KEEP_OUTCOMES = f"""
{_NEW_OUTCOMES} UPDATE SET record = excluded.record, outcomes = excluded.outcomes
"""
ADD_OUTCOMES = f"{_NEW_OUTCOMES} NOTHING"

CLEAR_KEYS = """
DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE at < ? ORDER BY at LIMIT ?)
"""
CLEAR_EVENTS = """
DELETE FROM events
WHERE sequence IN (SELECT sequence FROM events WHERE at < ? ORDER BY at LIMIT ?)
"""
CLEAR_OUTPUTS = """
DELETE FROM outputs WHERE (change_id, gate) IN (
    SELECT change_id, gate FROM outputs
    WHERE at < ? AND change_id NOT IN (SELECT id FROM changes WHERE open = 1)
    ORDER BY at LIMIT ?
)
"""
CLEAR_VERIFICATIONS = """
DELETE FROM verifications
WHERE key IN (SELECT key FROM verifications WHERE at < ? ORDER BY at LIMIT ?)
"""

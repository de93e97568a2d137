"""Kept answers: what the first request with an idempotency key was answered. A row is written with
the work, and holds the key until the work commits or is undone; its `status` is null meanwhile.
"""

from __future__ import annotations

# Waits for whoever has the key in hand. A row past its time is taken over; one that is not is held,
# and nothing comes back.
CLAIM = """
INSERT INTO kept_answers (project_id, key, request, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (project_id, key) DO UPDATE SET
    request = excluded.request, status = NULL, answer = NULL, created_at = excluded.created_at
WHERE kept_answers.created_at <= $5
RETURNING key
"""
GET = "SELECT request, status, answer FROM kept_answers WHERE project_id = $1 AND key = $2"
KEEP = "UPDATE kept_answers SET status = $3, answer = $4 WHERE project_id = $1 AND key = $2"
# All but the one in hand: which of them speak of a person is not told.
FORGET = "DELETE FROM kept_answers WHERE project_id = $1 AND status IS NOT NULL"
DROP_OLD = """
DELETE FROM kept_answers WHERE project_id = $1 AND key IN (
    SELECT key FROM kept_answers WHERE project_id = $1 AND created_at <= $2
    ORDER BY created_at LIMIT $3
)
"""

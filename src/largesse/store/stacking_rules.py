"""Stacking rules that a project has set, one row at most. Every change of it begins with a `bump`
of the project's definitions.
"""

from __future__ import annotations

import msgspec

from largesse.engine.stacking import StackingRules

COLUMNS = "id, rules, created_at, updated_at"
INSERT = f"""
INSERT INTO stacking_rules (project_id, id, rules, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (project_id) DO NOTHING RETURNING {COLUMNS}
"""
OF_PROJECT = f"SELECT {COLUMNS} FROM stacking_rules WHERE project_id = $1"
GET = f"{OF_PROJECT} AND id = $2"
UPDATE = f"""
UPDATE stacking_rules SET rules = $3, updated_at = $4
WHERE project_id = $1 AND id = $2 RETURNING {COLUMNS}
"""
DELETE = "DELETE FROM stacking_rules WHERE project_id = $1 AND id = $2 RETURNING id"

read = msgspec.json.Decoder(StackingRules).decode


def stored(rules: StackingRules) -> str:
    return msgspec.json.encode(rules).decode()

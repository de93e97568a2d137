"""What a project has defined over its data: metadata schemas, event schemas, segments. They are read
by every write, so each process remembers them under the project's number of definitions.
"""

from __future__ import annotations

from largesse.kit.db import Db

# Every change of a definition moves the number, in the same transaction and last.
BUMP = """
INSERT INTO definitions (project_id, version) VALUES ($1, 1)
ON CONFLICT (project_id) DO UPDATE SET version = definitions.version + 1
"""


async def bump(db: Db, project_id: str) -> None:
    """Tells every process that what it remembers of the project's definitions is old."""
    await db.execute(BUMP, project_id)

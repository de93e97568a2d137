"""What a request says to the database, as a script for pgbench: the statements that really run, in
their order and with their arguments.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from bench.load import FIRST_KEY, FIRST_NEW_KEY, KEY, LAST_NEW_KEY, NEW_KEY
from bench.sides import CONNECTIONS, PROJECT_ID, filled
from largesse.kit import db
from largesse.kit.clock import now
from largesse.kit.ids import RANDOM_LENGTHS
from largesse.kit.settings import Settings
from largesse.store import projects
from largesse.store.context import Context

# Keys and ids that stand for those of other runs: nothing else has such numbers.
RECORDED_KEY, RECORDED_NEW_KEY, RECORDED_ID = FIRST_KEY, 987_654_321_012, 9 * 10**17
TIMED_LENGTH = 18


class Names:
    """Ids that are found again in the arguments of statements."""

    def __init__(self) -> None:
        self.count = 0

    def new(self, prefix: str) -> str:
        self.count += 1
        width = RANDOM_LENGTHS.get(prefix, TIMED_LENGTH)
        return f"{prefix}{RECORDED_ID + self.count:0{width}d}"


class Recorder:
    """A connection that remembers the statements it ran, with their arguments."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.said: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        run = getattr(self._connection, name)

        async def ran(statement: str, *arguments: Any) -> Any:
            self.said.append((statement, arguments))
            return await run(statement, *arguments)

        return ran


async def context(connection: Any, ids: Any, project_id: str) -> Context:
    """What a request has, for work in this process."""
    return Context(
        connection,
        ids=ids,
        now=now(),
        project=await projects.get(connection, project_id),
        principal=None,
        request_id=ids.new("v-"),
        settings=Settings(),
    )


async def recorded(
    url: str,
    body: object,
    action: Callable[[Context, bytes], Awaitable[None]],
    *,
    existing: int,
    named: Mapping[str, str],
    writes: bool = True,
) -> Script:
    """What an action says to the database for a body, whose keys differ from run to run as the
    load's do: KEY is one of those that exist, NEW_KEY a new one. `named` has expressions, which may
    speak of `:key`, for what else goes with the key: here FIRST_KEY. What does not write is said
    outside of a transaction, as by the server.
    """
    sent = json.dumps(body).replace(KEY, str(RECORDED_KEY)).replace(NEW_KEY, str(RECORDED_NEW_KEY))
    names = Names()
    connection = await db.connect(url)
    try:
        await connection.execute("BEGIN")
        recorder = Recorder(connection)
        ctx = await context(connection, names, PROJECT_ID)
        ctx.db = recorder
        await action(ctx, sent.encode())
        await connection.execute("ROLLBACK")
    finally:
        await connection.close()
    return Script(recorder.said, names.count, existing, named, writes)


class Script:
    """Statements with their arguments, as pgbench reads them: `text`, and the variables that it
    names. What is JSON is the same in every run.
    """

    def __init__(
        self,
        said: Sequence[tuple[str, tuple[Any, ...]]],
        ids: int,
        existing: int,
        named: Mapping[str, str],
        writes: bool = True,
    ) -> None:
        self.statements = len(said)
        self.variables: dict[str, str] = {}
        self._changing = {str(RECORDED_KEY): ":key::text", str(RECORDED_NEW_KEY): ":new::text"}
        self._changing |= {str(RECORDED_ID + n): f":id{n}::text" for n in range(1, ids + 1)}
        self._changing |= named
        self._pattern = re.compile("|".join(self._changing))
        draw = [
            f"\\set key random({FIRST_KEY}, {FIRST_KEY - 1 + existing})",
            f"\\set new random({FIRST_NEW_KEY}, {LAST_NEW_KEY})",
            # Ids sort by time, as the server's do: numbers that grow from run to run.
            f"\\set run :run + {CONNECTIONS * ids}",
            *(f"\\set id{n} :run + :client_id + {CONNECTIONS * n}" for n in range(1, ids + 1)),
        ]
        runs = [filled(text, [self._argument(value) for value in values]) for text, values in said]
        begin, commit = (["BEGIN;"], ["COMMIT;"]) if writes else ([], [])
        self.text = "\n".join([*draw, *begin, "".join(runs).rstrip(), *commit, ""])

    def _argument(self, value: Any) -> str:
        if value is None:
            return "NULL"
        if isinstance(value, datetime):
            return "now()"
        if isinstance(value, (list, tuple)):
            if any(self._changes(item) or isinstance(item, datetime) for item in value):
                return f"ARRAY[{', '.join(map(self._argument, value))}]"
            return self._variable("{" + ",".join(map(_element, value)) + "}")
        return self._text(value) if self._changes(value) else self._variable(_plain(value))

    def _changes(self, value: Any) -> bool:
        is_json = isinstance(value, str) and value.startswith(("{", "["))
        return isinstance(value, str) and not is_json and bool(self._pattern.search(value))

    def _text(self, text: str) -> str:
        """An expression that puts a text together anew."""
        parts, at = [], 0
        for found in self._pattern.finditer(text):
            parts += [f"'{text[at : found.start()]}'", self._changing[found[0]]]
            at = found.end()
        parts.append(f"'{text[at:]}'")
        return f"({' || '.join(parts)})"

    def _variable(self, text: str) -> str:
        for name, known in self.variables.items():
            if known == text:
                return f":{name}"
        name = f"value{len(self.variables)}"
        self.variables[name] = text
        return f":{name}"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _element(value: Any) -> str:
    """A value in the text of an array."""
    if value is None:
        return "NULL"
    text = _plain(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'

"""The parts of a list's query that all lists share."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

Limit = Annotated[int, Meta(ge=1, le=100)]
PageNumber = Annotated[int, Meta(ge=1, le=1000)]


class Query(msgspec.Struct, kw_only=True):
    """How many (1 to 100), and in which order."""

    limit: Limit = 10
    order: str | None = None

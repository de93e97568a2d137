"""Orders of an import: one after another, told to nobody but the segments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from largesse.actions import orders
from largesse.actions.orders import OrderBody
from largesse.kit import db, wire
from largesse.kit.errors import InvalidPayload, Problem
from largesse.store.context import Context
from largesse.store.jobs import Job, NewRow, Outcome

_reader = wire.Reader(OrderBody)


def row_of(place: int, order: msgspec.Raw, most_items: int) -> NewRow:
    """One order of the request. Raises InvalidPayload, naming its place among them."""
    text = bytes(order)
    try:
        body: OrderBody = _reader.json(text)
        orders.check(body, most_items)
    except InvalidPayload as problem:
        raise wire.at_place(problem, place) from None
    return NewRow(body.source_id, input=text.decode(), people=_people(body) or None)


def _people(body: OrderBody) -> list[str]:
    names = [body.customer_id, body.referrer_id]
    for person in (body.customer, body.referrer):
        if person is not None:
            names += [person.id, person.source_id]
    return [name for name in names if name]


async def apply(ctx: Context, job: Job, rows: Sequence[db.Row]) -> list[Outcome]:
    """Rows of an import: each input is one order as JSON. One that cannot be kept fails alone."""
    outcomes = []
    for place, row in enumerate(rows, 1):
        # A millisecond apart, as the file has them, so that the last of a customer's is their last.
        at = max(ctx.now - timedelta(milliseconds=len(rows) - place), job.created_at)
        try:
            async with db.savepoint(ctx.db):
                body = _reader.json(row["input"].encode())
                stored = await orders.upsert(ctx, body, silent=True, at=at)
        except Problem as problem:
            if problem.code >= 500:
                raise
            outcomes.append(Outcome(row["n"], error=problem.details or problem.message))
        else:
            found = stored.row["updated_at"] is not None
            outcomes.append(Outcome(row["n"], stored.row["id"], found))
    return outcomes

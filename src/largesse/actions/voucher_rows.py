"""Vouchers in bulk: what the rows of an async action do, and files turned into rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from largesse.actions import (
    categories,
    files,
    generation,
    metadata,
    rules,
    timeframes,
    voucher_files,
    voucher_view,
    vouchers,
)
from largesse.actions.customer_rows import typed
from largesse.actions.files import FileRow
from largesse.actions.timeframes import MEMBERS
from largesse.actions.vouchers import ImportedVoucher, check_code
from largesse.actions.worth import (
    DISCOUNT_VOUCHER,
    GIFT_VOUCHER,
    LOYALTY_CARD,
    check_amount,
    discount_of,
    quantity_of,
    worth,
)
from largesse.kit import db, wire
from largesse.kit.errors import DuplicateCodes, InvalidPayload, InvalidVoucher, Problem
from largesse.store import campaigns, definitions, events
from largesse.store import vouchers as store
from largesse.store.context import Context
from largesse.store.definitions import Definitions
from largesse.store.events import Event
from largesse.store.jobs import Job, NewRow, Outcome
from largesse.store.vouchers import Voucher

_Rows = Sequence[db.Row]


class BulkVoucher(msgspec.Struct, kw_only=True):
    """One of many vouchers to update: metadata to merge in."""

    code: str
    metadata: dict[str, Any]


_bulk_reader = wire.Reader(BulkVoucher)
_import_reader = wire.Reader(ImportedVoucher)


# --- metadata -----------------------------------------------------------------------------------


async def apply_bulk(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of a bulk update: each input is a code and its metadata as JSON."""

    def read(row: db.Row) -> dict[str, Any]:
        body: BulkVoucher = _bulk_reader.json(row["input"].encode())
        return body.metadata

    return await _merge(ctx, rows, read)


async def apply_metadata(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of a metadata update: each reference is a code."""
    return await _merge(ctx, rows, lambda row: job.parameters["metadata"])


async def _merge(
    ctx: Context, rows: _Rows, read: Callable[[db.Row], dict[str, Any]]
) -> list[Outcome]:
    """Merges metadata into vouchers that exist; one that does not fails alone."""
    known = await definitions.current(ctx.db, ctx.project_id)
    held = await _held(ctx, rows)
    outcomes = []
    for row in rows:
        voucher = held.get(store.key_of(ctx.project, row["reference"] or ""))
        if voucher is None:
            error = f"Cannot find voucher with id {row['reference']}"
            outcomes.append(Outcome(row["n"], found=False, error=error))
            continue
        try:
            given = read(row)
            metadata.check(known, "voucher", given, whole=False)
            merged, removed = metadata.patch(given)
        except Problem as problem:
            outcomes.append(Outcome(row["n"], voucher["id"], True, problem.details))
            continue
        arguments = (ctx.project_id, voucher["id"], list(removed), merged, ctx.now)
        await ctx.db.execute(store.MERGE_METADATA, *arguments)
        outcomes.append(Outcome(row["n"], voucher["id"], True))
    return outcomes


async def _held(ctx: Context, rows: _Rows) -> dict[str, db.Row]:
    """The vouchers that rows name, by the keys of their codes, held in one order."""
    keys = [store.key_of(ctx.project, row["reference"]) for row in rows if row["reference"]]
    found = await ctx.db.fetch(store.HOLD_CODES, ctx.project_id, keys)
    return {row["code_key"]: row for row in found}


# --- importing ----------------------------------------------------------------------------------


async def check_import(ctx: Context, bodies: Sequence[msgspec.Raw]) -> list[NewRow]:
    """The rows of an import, checked for what fails it as a whole: InvalidVoucher for vouchers
    without a code, DuplicateCodes for codes that come twice or are taken, InvalidPayload.
    """
    rows, keys, twice, nameless = [], set(), [], 0
    for place, raw in enumerate(bodies):
        try:
            body: ImportedVoucher = _import_reader.json(bytes(raw))
        except InvalidPayload as problem:
            raise wire.at_place(problem, place) from None
        if not body.code:
            nameless += 1
            continue
        key = store.key_of(ctx.project, check_code(body.code))
        if key in keys:
            twice.append(body.code)
        keys.add(key)
        rows.append(NewRow(body.code, input=bytes(raw).decode()))
    if nameless:
        raise InvalidVoucher(f"Found {nameless} voucher(s) without 'code' value")
    taken = await ctx.db.fetch(store.TAKEN, ctx.project_id, list(keys))
    if named := [*dict.fromkeys(twice), *(row["code"] for row in taken)]:
        raise DuplicateCodes.of(named)
    return rows


async def apply_import(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of an import: each input is a voucher as JSON."""

    async def read(row: db.Row, base: Voucher | None, known: Definitions) -> _Made:
        body: ImportedVoucher = _import_reader.json(row["input"].encode())
        metadata.check(known, "voucher", body.metadata, whole=base is None)
        merged, _ = metadata.patch(body.metadata)
        return row, await _voucher(ctx, body, merged, base), body.validation_rules or []

    outcomes, refused = await _create(ctx, job, rows, read)
    return outcomes + [_taken(row) for row in refused]


async def apply_csv(ctx: Context, job: Job, rows: _Rows) -> list[Outcome]:
    """Rows of a file: each input is a FileRow. Of vouchers that are there already, in the same
    campaign or in none as well, a file changes the switch and the category alone.
    """

    async def read(row: db.Row, base: Voucher | None, known: Definitions) -> _Made:
        given = msgspec.json.decode(row["input"], type=FileRow)
        body = voucher_files.body_of(given, None if base is None else base.type)
        made = await _voucher(
            ctx, body, typed(known, "voucher", files.filled(given.metadata)), base
        )
        made.redeemed_quantity = files.whole(given.cells.get("redeemed_quantity"), "quantity") or 0
        made.redeemed_amount = voucher_files.amount(given.cells.get("redeemed_amount"), made.type)
        if made.redeemed_quantity < 0 or made.redeemed_amount < 0:
            raise InvalidVoucher("What was redeemed cannot be lower than 0")
        if made.type != DISCOUNT_VOUCHER and made.redeemed_amount > made.amount:
            raise InvalidVoucher("A card cannot hold less than what was spent of it")
        return row, made, body.validation_rules or []

    outcomes, refused = await _create(ctx, job, rows, read)
    held = await _held(ctx, refused) if refused else {}
    changed = []
    for row in refused:
        voucher = held.get(store.key_of(ctx.project, row["reference"]))
        if voucher is None or voucher["campaign_id"] != job.parameters.get("campaign_id"):
            outcomes.append(_taken(row))
        else:
            outcomes.append(await _change(ctx, row, voucher))
            changed.append(voucher["id"])
    if job.parameters.get("webhooks_enable"):
        await _announce(ctx, "updated", changed)
    return outcomes


def _taken(row: db.Row) -> Outcome:
    return Outcome(row["n"], error=f"Duplicated voucher exists with id {row['reference']}")


# A row, the voucher that it makes, and the rules that guard it.
_Made = tuple[db.Row, Voucher, list[str]]
_Read = Callable[[db.Row, Voucher | None, Definitions], Awaitable[_Made]]


async def _create(
    ctx: Context, job: Job, rows: _Rows, read: _Read
) -> tuple[list[Outcome], list[db.Row]]:
    """Creates the vouchers of a portion; one that cannot be fails alone. What came of them, and the
    rows whose codes are taken.
    """
    campaign, base = None, None
    if campaign_id := job.parameters.get("campaign_id"):
        campaign = await ctx.db.fetchrow(campaigns.HOLD, ctx.project_id, campaign_id)
        if campaign is None:
            return [Outcome(row["n"], error="The campaign was deleted") for row in rows], []
        base, _ = generation.made_from(ctx, campaign)
    known = await definitions.current(ctx.db, ctx.project_id)
    outcomes: list[Outcome] = []
    made: list[_Made] = []
    for row in rows:
        try:
            made.append(await read(row, base, known))
            await rules.known(ctx, made[-1][2])
        except Problem as problem:
            outcomes.append(Outcome(row["n"], error=problem.details or problem.message))
    # One order of codes for all who write many.
    made.sort(key=lambda item: item[1].code_key)
    kept = await store.insert_many(ctx.db, ctx.project_id, [voucher for _, voucher, _ in made])
    new = [item for item in made if item[1].id in kept]
    for row, voucher, rule_ids in new:
        await rules.assign(ctx, "voucher", voucher.id, rule_ids)
        outcomes.append(Outcome(row["n"], voucher.id, False))
    if campaign is not None and base is not None and new:
        amount = sum(voucher.amount for _, voucher, _ in new)
        await vouchers.enter(ctx, campaign["id"], len(new), base.type, amount)
    if job.parameters.get("webhooks_enable"):
        # Which counts them too.
        await _announce(ctx, "created", [voucher.id for _, voucher, _ in new])
    else:
        await ctx.db.execute(events.ADD_TO_TOTAL, ctx.project_id, "vouchers", len(new))
    return outcomes, [row for row, voucher, _ in made if voucher.id not in kept]


async def _announce(ctx: Context, happened: str, ids: list[str]) -> None:
    rows = await ctx.db.fetch(store.WITH_IDS, ctx.project_id, ids)
    told = [
        Event(
            f"voucher.{happened}",
            wire.encode({"voucher": answer}).decode(),
            campaign_id=answer.campaign_id,
        )
        for answer in await voucher_view.answers(ctx, rows)
    ]
    await ctx.emit(told)


async def _voucher(
    ctx: Context, body: ImportedVoucher, merged: str, base: Voucher | None
) -> Voucher:
    """A voucher as an import describes it, on the base of what its campaign says."""
    code = check_code(body.code or "")
    one = _standalone(ctx, body) if base is None else _of_campaign(ctx, body, base)
    one.code, one.code_key = code, store.key_of(ctx.project, code)
    category_id = await categories.either(ctx, body.category_id or body.category)
    one.category_id = category_id or one.category_id
    one.active = one.active if body.active is None else body.active
    one.additional_info = body.additional_info
    one.quantity = quantity_of(body.redemption, one.quantity)
    if merged != "{}":
        kept = msgspec.json.decode(one.metadata)
        one.metadata = wire.encode(kept | msgspec.json.decode(merged)).decode()
    return one


def _standalone(ctx: Context, body: ImportedVoucher) -> Voucher:
    if body.type is None:
        raise InvalidVoucher("Property 'type' is required")
    if body.type == LOYALTY_CARD:
        raise InvalidVoucher("Property 'campaign' is required for LOYALTY_CARD")
    what = worth(body.type, body.discount, body.gift, body.loyalty_card)
    return Voucher(
        id=ctx.new_id("v_"),
        code="",
        code_key="",
        type=body.type,
        **msgspec.structs.asdict(what),
        **timeframes.columns(body),
        created_at=ctx.now,
    )


def _of_campaign(ctx: Context, body: ImportedVoucher, base: Voucher) -> Voucher:
    if body.type not in (None, base.type):
        raise InvalidVoucher(f"A {body.type} does not belong in a campaign of {base.type}s")
    one = msgspec.structs.replace(base, id=ctx.new_id("v_"))
    one.active = base.expiration_date is None or base.expiration_date > ctx.now
    if any(getattr(body, name) is not None for name in MEMBERS):
        row = {name: _raw(getattr(base, name)) for name in MEMBERS}
        for name, value in timeframes.columns(body, row).items():
            setattr(one, name, value)
    if base.type == DISCOUNT_VOUCHER and body.discount is not None:
        one.discount = discount_of(body.discount)
    if base.type == GIFT_VOUCHER and body.gift is not None:
        one.effect = body.gift.effect or base.effect
        one.amount = base.amount if body.gift.amount is None else body.gift.amount
    if base.type == LOYALTY_CARD and body.loyalty_card is not None:
        points = body.loyalty_card.points
        one.amount = base.amount if points is None else points
    check_amount(one.amount, ".amount", InvalidVoucher)
    return one


def _raw(value: Any) -> Any:
    return msgspec.Raw(value.encode()) if isinstance(value, str) else value


async def _change(ctx: Context, row: db.Row, voucher: db.Row) -> Outcome:
    cells = msgspec.json.decode(row["input"], type=FileRow).cells
    try:
        active = files.flag(cells.get("active"), "active")
        category_id = await categories.either(ctx, cells.get("category"))
    except Problem as problem:
        return Outcome(row["n"], voucher["id"], True, problem.details)
    await ctx.db.execute(
        store.SET_SWITCH_AND_CATEGORY,
        ctx.project_id,
        voucher["id"],
        voucher["active"] if active is None else active,
        category_id or voucher["category_id"],
        ctx.now,
    )
    return Outcome(row["n"], voucher["id"], True)

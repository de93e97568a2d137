"""The vouchers of a campaign in the background, a portion at a time: making them, handing on what
the campaign changed, clearing them away. A portion holds the campaign's row and is all or nothing,
so a killed worker leaves no half, and the next one goes on with what is missing still.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from largesse.actions import campaign_view, promotions, rules, voucher_view, vouchers
from largesse.actions.queue import Accepted, enqueue
from largesse.actions.timeframes import MEMBERS
from largesse.actions.voucher_view import VoucherAnswer
from largesse.actions.worth import DISCOUNT_VOUCHER, GIFT_VOUCHER
from largesse.engine import codes
from largesse.engine.codes import CodeConfig
from largesse.kit import db, wire
from largesse.store import bin, campaigns, events, sessions
from largesse.store import vouchers as store
from largesse.store.context import Context
from largesse.store.events import Event
from largesse.store.jobs import Job, Portion
from largesse.store.vouchers import Voucher

GENERATE = "CAMPAIGN.VOUCHERS_GENERATE"
UPDATE = "CAMPAIGN.VOUCHERS_UPDATE"
DELETE = "CAMPAIGN.VOUCHERS_DELETE"

PORTION = 10_000
# So many vouchers are changed in the request itself.
AT_ONCE = 1000
# Codes that a portion tries before it leaves the rest to the next one.
MOST_TRIES = 1_000_000
# Of a portion's ids: the prefix and six random characters; the rest is random for each.
_SHARED = 8


# The creation and the id of a voucher, after which others come.
Place = tuple[str, str]
START: Place = (datetime(1, 1, 1, tzinfo=UTC).isoformat(), "")


def queue_of(campaign_id: str) -> str:
    """What is done with the vouchers of one campaign is done one after another."""
    return f"CAMPAIGN {campaign_id}"


def made_from(ctx: Context, campaign: db.Row) -> tuple[Voucher, CodeConfig]:
    """A voucher as the campaign defines it, without a code, and how its codes look."""
    definition: dict[str, Any] = msgspec.json.decode(campaign["voucher"])
    type_ = definition["type"]
    gift, card = definition.get("gift", {}), definition.get("loyalty_card", {})
    one = Voucher(
        id=ctx.new_id("v_"),
        code="",
        code_key="",
        type=type_,
        campaign_id=campaign["id"],
        category_id=campaign["category_id"],
        discount=_json(definition.get("discount")) if type_ == DISCOUNT_VOUCHER else None,
        effect=gift.get("effect"),
        amount=gift["amount"] if type_ == GIFT_VOUCHER else card.get("points", 0),
        **{name: _text(campaign[name]) for name in MEMBERS},
        metadata=_text(campaign["metadata"]) if campaign["use_voucher_metadata_schema"] else "{}",
        is_referral_code=definition["is_referral_code"],
        quantity=definition["redemption"]["quantity"],
        created_at=ctx.now,
    )
    return one, msgspec.convert(definition["code_config"], CodeConfig)


def _moment(value: str | None) -> datetime | None:
    """A time as a job's parameters keep it."""
    return None if value is None else datetime.fromisoformat(value)


def _text(value: Any) -> Any:
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else value


def _json(value: Any) -> str:
    return wire.encode(value).decode()


# --- making -------------------------------------------------------------------------------------


async def add_one(ctx: Context, campaign: db.Row) -> VoucherAnswer:
    """Makes one voucher of a campaign that is held, with a random code."""
    one, config = made_from(ctx, campaign)
    row = await vouchers.insert_random(ctx, one, config)
    await vouchers.enter(ctx, campaign["id"], 1, one.type, one.amount)
    return await vouchers.announce(ctx, "created", row)


async def begin(
    ctx: Context,
    campaign: db.Row,
    count: int,
    *,
    founding: bool = False,
    config: CodeConfig | None = None,
    changes: dict[str, Any] | None = None,
) -> Accepted:
    """Takes on the making of many vouchers; with the first ones (`founding`) the campaign is done.
    `config` and `changes` (columns of the vouchers) differ from what the campaign says.
    """
    parameters = {
        "campaign_id": campaign["id"],
        "founding": founding,
        "config": config,
        "changes": changes or {},
    }
    return await enqueue(ctx, GENERATE, count, (), parameters, queue=queue_of(campaign["id"]))


class _Making(msgspec.Struct):
    campaign_id: str
    founding: bool
    config: CodeConfig | None
    changes: dict[str, Any]
    dry: int = 0
    """Portions in a row that found no code."""


async def generate(ctx: Context, job: Job) -> Portion:
    """The next portion of vouchers, each with a code that nobody has."""
    given = msgspec.convert(job.parameters, _Making)
    campaign = await ctx.db.fetchrow(campaigns.HOLD, ctx.project_id, given.campaign_id)
    if campaign is None:
        return Portion(done=0, last=True, error="The campaign was deleted")
    one, config = made_from(ctx, campaign)
    for name, value in given.changes.items():
        setattr(one, name, _moment(value) if name in ("start_date", "expiration_date") else value)
    wanted = min(PORTION, job.rows - job.done)
    config = given.config or config
    made, exhausted = await _fill(ctx, one, config, wanted)
    dry = 0 if made else given.dry + 1
    # Each of them looked elsewhere: that a free code was never met is less than likely.
    folded = not ctx.project.case_sensitive_codes
    exhausted = exhausted or dry * MOST_TRIES > 5 * codes.capacity(config, folded=folded)
    await vouchers.enter(ctx, campaign["id"], made, one.type, made * one.amount)
    await ctx.db.execute(events.ADD_TO_TOTAL, ctx.project_id, "vouchers", made)
    last = exhausted or job.done + made >= job.rows
    if last and given.founding:
        status = campaigns.FAILED if exhausted else campaigns.DONE
        await ctx.db.execute(campaigns.SET_STATUS, ctx.project_id, campaign["id"], status)
    if last:
        await _completed(ctx, campaign["id"], job.done + made)
    error = "The pattern has no code left that is not in use" if exhausted else None
    going_on = {**job.parameters, "dry": dry}
    return Portion(done=made, last=last, error=error, parameters=going_on)


async def _fill(ctx: Context, one: Voucher, config: CodeConfig, wanted: int) -> tuple[int, bool]:
    """Inserts vouchers until there are as many as wanted; how many, and whether no code is left."""
    folded = not ctx.project.case_sensitive_codes
    supply = codes.Supply(config, ctx.noise, folded=folded)
    made, tried, refused = 0, 0, 0
    while made < wanted and tried < MOST_TRIES:
        drawn = supply.take(PORTION if refused else wanted - made, refused)
        if not drawn:
            return made, True
        # A walk through all codes offers more than are missing; those beyond stay free.
        kept = await _insert(ctx, one, drawn, wanted - made)
        tried, refused, made = tried + len(drawn), len(drawn) - kept, made + kept
    return made, False


async def _insert(ctx: Context, one: Voucher, drawn: list[str], most: int) -> int:
    if len(drawn) > most:
        keys = {store.key_of(ctx.project, code): code for code in drawn}
        for row in await ctx.db.fetch(store.TAKEN, ctx.project_id, list(keys)):
            keys.pop(store.key_of(ctx.project, row["code"]), None)
        drawn = list(keys.values())[:most]
    # Ids with one beginning, in order, enter the indexes side by side, and not all over them.
    beginning = ctx.new_id("v_")[:_SHARED]
    return await store.insert_alike(
        ctx.db,
        ctx.project_id,
        sorted(beginning + ctx.new_id("v_")[_SHARED:] for _ in drawn),
        drawn,
        [store.key_of(ctx.project, code) for code in drawn],
        one,
    )


async def _completed(ctx: Context, campaign_id: str, count: int) -> None:
    row = await ctx.db.fetchrow(campaigns.GET, ctx.project_id, campaign_id)
    assert row is not None
    answer = (await campaign_view.answers(ctx, [row]))[0]
    data = {"count": count, "campaign": answer, "completed_at": wire.stamp(ctx.now)}
    event = Event(
        "campaign.vouchers.generation.completed",
        wire.encode(data).decode(),
        campaign_id=campaign_id,
        campaign_type=row["campaign_type"],
    )
    await ctx.emit([event])


async def abandon(ctx: Context, job: Job) -> None:
    """What a job that was given up leaves behind is a campaign that says so."""
    status = campaigns.FAILED if job.parameters.get("founding") else job.parameters.get("status")
    if status is not None:
        campaign_id = job.parameters["campaign_id"]
        await ctx.db.execute(campaigns.SET_STATUS, ctx.project_id, campaign_id, status)


# --- handing on ---------------------------------------------------------------------------------

_TAKEN_OVER = ("category_id", *MEMBERS)
HANDED_ON = (*_TAKEN_OVER, "discount", "effect")


def changed(before: db.Row, after: db.Row) -> list[str]:
    """The columns of its vouchers that a change of a campaign is a change of too."""
    if before["voucher"] is None:
        return []
    found = [name for name in _TAKEN_OVER if _text(before[name]) != _text(after[name])]
    old, new = (msgspec.json.decode(row["voucher"]) for row in (before, after))
    if old.get("discount") != new.get("discount"):
        found.append("discount")
    if old.get("gift") != new.get("gift"):
        found.append("effect")
    return found


async def hand_on(
    ctx: Context,
    campaign: db.Row,
    changed: Sequence[str],
    metadata: tuple[str, tuple[str, ...]],
) -> db.Row:
    """Changes the vouchers of a campaign that is held in what was `changed`; `metadata` is merged
    into all of them. The campaign's row, which says MODIFYING where this takes time.
    """
    given = _HandingOn(
        campaign_id=campaign["id"],
        status=campaign["creation_status"],
        changed=list(changed),
        metadata=metadata,
    )
    count = campaign["vouchers_count"]
    after: Place | None = START
    if count <= AT_ONCE:
        while after is not None:
            given.after = after
            _, after = await _hand_on_portion(ctx, campaign, given)
        return campaign
    await ctx.db.execute(campaigns.SET_STATUS, ctx.project_id, campaign["id"], campaigns.MODIFYING)
    await enqueue(ctx, UPDATE, count, (), given, queue=queue_of(campaign["id"]))
    row = await ctx.db.fetchrow(campaigns.GET, ctx.project_id, campaign["id"])
    assert row is not None
    return row


class _HandingOn(msgspec.Struct):
    campaign_id: str
    status: str
    changed: list[str]
    metadata: tuple[str, tuple[str, ...]]
    after: Place = START


async def modify(ctx: Context, job: Job) -> Portion:
    """The next portion of vouchers that take over what their campaign changed."""
    given = msgspec.convert(job.parameters, _HandingOn)
    campaign = await ctx.db.fetchrow(campaigns.HOLD, ctx.project_id, given.campaign_id)
    if campaign is None:
        return Portion(done=0, last=True, error="The campaign was deleted")
    count, after = await _hand_on_portion(ctx, campaign, given)
    if after is None:
        await ctx.db.execute(campaigns.SET_STATUS, ctx.project_id, campaign["id"], given.status)
    done = job.rows - job.done if after is None else min(count, job.rows - job.done)
    return Portion(done=done, last=after is None, parameters={**job.parameters, "after": after})


async def _hand_on_portion(
    ctx: Context, campaign: db.Row, given: _HandingOn
) -> tuple[int, Place | None]:
    """How many vouchers there were, and where the next portion begins."""
    ids, after = await _next(ctx, campaign["id"], given.after)
    one, _ = made_from(ctx, campaign)
    values = [getattr(one, name) for name in HANDED_ON]
    if given.changed:
        await ctx.db.execute(
            store.HAND_ON,
            *(ctx.project_id, campaign["id"], ids, *values, ctx.now, given.changed),
        )
    merged, removed = given.metadata
    if merged != "{}" or removed:
        await ctx.db.execute(
            store.HAND_ON_METADATA,
            *(ctx.project_id, campaign["id"], ids, list(removed), merged, ctx.now),
        )
    return len(ids), after


async def _next(ctx: Context, campaign_id: str, after: Place) -> tuple[list[str], Place | None]:
    """The ids of a portion of a campaign's vouchers, and where the next one begins."""
    rows = await ctx.db.fetch(
        store.NEXT_OF_CAMPAIGN,
        *(ctx.project_id, campaign_id, datetime.fromisoformat(after[0]), after[1], PORTION),
    )
    last = (rows[-1]["created_at"].isoformat(), rows[-1]["id"]) if len(rows) == PORTION else None
    return [row["id"] for row in rows], last


# --- clearing away ------------------------------------------------------------------------------


async def clear(ctx: Context, campaign_id: str, count: int, *, force: bool) -> Accepted:
    """Takes on the moving of a campaign's vouchers to the bin, or with `force` the deletion of the
    campaign and of all that it has.
    """
    parameters = {"campaign_id": campaign_id, "force": force}
    return await enqueue(ctx, DELETE, count, (), parameters, queue=queue_of(campaign_id))


class _Clearing(msgspec.Struct):
    campaign_id: str
    force: bool
    after: Place = START


async def drop(ctx: Context, job: Job) -> Portion:
    """The next portion of vouchers that go with their campaign, and at last the campaign."""
    given = msgspec.convert(job.parameters, _Clearing)
    campaign_id = given.campaign_id
    campaign = await ctx.db.fetchrow(campaigns.HOLD_ANY, ctx.project_id, campaign_id)
    if campaign is None:
        return Portion(done=job.rows - job.done, last=True)
    ids, after = await _next(ctx, campaign_id, given.after)
    if given.force:
        gone = await ctx.db.fetch(store.DELETE_MANY, ctx.project_id, ids)
        await ctx.db.execute(store.DELETE_TRANSACTIONS, ctx.project_id, ids)
        await ctx.db.execute(store.DELETE_HOLDERS, ctx.project_id, ids)
        await ctx.db.execute(sessions.DELETE_OF_VOUCHERS, ctx.project_id, ids)
        await ctx.db.execute(bin.FORGET_VOUCHERS, ctx.project_id, ids)
    else:
        gone = await ctx.db.fetch(store.BIN_MANY, ctx.project_id, ids, ctx.now)
    await rules.release(ctx, ids)
    living = [row for row in gone if row["living"]]
    if living:
        left = sum(voucher_view.balance(row) for row in living)
        definition = msgspec.json.decode(campaign["voucher"])
        await vouchers.leave(ctx, campaign_id, len(living), definition["type"], left)
        await ctx.db.execute(events.ADD_TO_TOTAL, ctx.project_id, "vouchers", -len(living))
    if after is None and given.force:
        await promotions.delete_of_campaign(ctx, campaign_id)
        await ctx.db.execute(campaigns.FORGET_DAYS, ctx.project_id, campaign_id)
        await ctx.db.execute(campaigns.DELETE, ctx.project_id, campaign_id)
    done = job.rows - job.done if after is None else min(len(ids), job.rows - job.done)
    return Portion(done=done, last=after is None, parameters={**job.parameters, "after": after})

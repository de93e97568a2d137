"""What is done with a voucher: create, update, switch, delete or move to the bin."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from largesse.actions import cards, categories, metadata, rules, timeframes, voucher_view
from largesse.actions.timeframes import TimeframeBody
from largesse.actions.voucher_view import VoucherAnswer
from largesse.actions.worth import (
    DISCOUNT_VOUCHER,
    GIFT_VOUCHER,
    LOYALTY_CARD,
    GiftBody,
    LoyaltyCardBody,
    RedemptionBody,
    VoucherType,
    check_amount,
    discount_of,
    quantity_of,
    worth,
)
from largesse.engine import codes
from largesse.engine.codes import CodeError
from largesse.kit import auth, db, wire
from largesse.kit.errors import (
    DuplicateFound,
    InvalidCampaign,
    InvalidCodeConfig,
    InvalidGift,
    InvalidPayload,
    InvalidVoucher,
    NotFound,
)
from largesse.store import bin, campaigns, definitions, projects, sessions, vouchers
from largesse.store.context import Context
from largesse.store.events import Event
from largesse.store.vouchers import Voucher

Text = Annotated[str, Meta(max_length=255)]
Note = Annotated[str, Meta(max_length=10_000)]

# What a campaign's vouchers are.
TYPES = {
    "DISCOUNT_COUPONS": "DISCOUNT_VOUCHER",
    "REFERRAL_PROGRAM": "DISCOUNT_VOUCHER",
    "GIFT_VOUCHERS": "GIFT_VOUCHER",
    "LOYALTY_PROGRAM": "LOYALTY_CARD",
}
# Codes that are tried before a pattern is held to have none left.
MOST_TRIES = 300_000


class CodeConfigFields(msgspec.Struct, kw_only=True):
    """How random codes look: `#` in the pattern is replaced by a character of the charset."""

    length: int | float | None = None
    charset: str | None = None
    prefix: str | None = None
    postfix: str | None = None
    pattern: str | None = None
    initial_count: int | float | None = None


class VoucherFields(TimeframeBody, kw_only=True):
    """What a shop says of a voucher. A member that is not sent, or is null, stays as it is."""

    category: Text | None = None
    category_id: Text | None = None
    active: bool | None = None
    additional_info: Note | None = None
    metadata: dict[str, Any] | None = None
    discount: dict[str, Any] | None = None
    gift: GiftBody | None = None
    loyalty_card: LoyaltyCardBody | None = None
    redemption: RedemptionBody | None = None


class VoucherBody(VoucherFields, kw_only=True):
    """A voucher to create. Without a code, `code_config` says how a random one looks."""

    type: VoucherType
    code: Text | None = None
    code_config: CodeConfigFields | None = None
    campaign: Text | None = None
    campaign_id: Text | None = None
    validation_rules: list[str] | None = None


class ImportedVoucher(VoucherFields, kw_only=True):
    """One of many vouchers to create. In a campaign, what is left out is as the campaign says."""

    code: str | None = None
    type: VoucherType | None = None
    validation_rules: list[str] | None = None


def check_code(code: str) -> str:
    """The code, if it can be one. Raises InvalidPayload."""
    if not code or len(code) > codes.MAX_CODE or not code.isprintable():
        raise InvalidPayload(
            f"Property .code should have 1 to {codes.MAX_CODE} characters that can be printed"
        )
    return code


def config_of(ctx: Context, given: Any) -> codes.CodeConfig:
    """A code config with the project's charset where it names none. Raises InvalidCodeConfig."""
    charset = msgspec.json.decode(ctx.project.default_code_config).get("charset")
    members = {name: value for name, value in (given or {}).items() if value is not None}
    try:
        return codes.read({"charset": charset} | members)
    except CodeError as error:
        raise InvalidCodeConfig(str(error)) from None


def config_body(body: CodeConfigFields | None) -> dict[str, Any] | None:
    """A code config as the engine reads it."""
    return None if body is None else msgspec.to_builtins(body)


# --- finding ------------------------------------------------------------------------------------


async def get(ctx: Context, code_or_id: str) -> db.Row:
    """A voucher's row. Raises NotFound, also for one in the bin."""
    row = await vouchers.find(ctx.db, ctx.project, code_or_id)
    if row is None:
        raise NotFound.of("voucher", code_or_id)
    return row


async def hold(ctx: Context, code_or_id: str) -> db.Row:
    """A voucher's row, held until the end of the transaction. Raises NotFound."""
    known = await get(ctx, code_or_id)
    row = await ctx.db.fetchrow(vouchers.HOLD, ctx.project_id, known["id"])
    if row is None:
        raise NotFound.of("voucher", code_or_id)
    return row


async def code_of(ctx: Context, asset_id: str) -> str:
    """The code that an asset's id stands for. Raises NotFound, also for a forged one."""
    signature, _, rest = asset_id.partition(".")
    project_id, _, voucher_id = rest.partition(".")
    project = await projects.get(ctx.db, project_id)
    if project is None or not auth.same_signature(
        signature, project.link_secret, "asset", project_id, voucher_id
    ):
        raise NotFound.of("asset", asset_id)
    row = await ctx.db.fetchrow(vouchers.GET, project_id, voucher_id)
    if row is None:
        raise NotFound.of("asset", asset_id)
    code: str = row["code"]
    return code


# --- creating -----------------------------------------------------------------------------------


async def create(ctx: Context, body: VoucherBody) -> VoucherAnswer:
    """Creates a voucher with its code, or a random one. Raises DuplicateFound for a code that is
    taken, InvalidCampaign for a campaign that cannot have it, NotFound, and what its members raise.
    """
    campaign = await _campaign_of(ctx, body)
    what = worth(body.type, body.discount, body.gift, body.loyalty_card)
    merged, _ = metadata.patch(body.metadata)
    one = Voucher(
        id=ctx.new_id("v_"),
        code="",
        code_key="",
        type=body.type,
        campaign_id=None if campaign is None else campaign["id"],
        category_id=await categories.named(ctx, body.category, body.category_id),
        **msgspec.structs.asdict(what),
        **timeframes.columns(body),
        active=body.active is not False,
        additional_info=body.additional_info,
        metadata=merged,
        is_referral_code=campaign is not None and campaign["campaign_type"] == "REFERRAL_PROGRAM",
        quantity=quantity_of(body.redemption, None),
        created_at=ctx.now,
    )
    if body.code is not None:
        row = await insert(ctx, one, check_code(body.code))
    else:
        row = await insert_random(ctx, one, config_of(ctx, config_body(body.code_config)))
    known = await definitions.current(ctx.db, ctx.project_id)
    metadata.check(known, "voucher", body.metadata, whole=True)
    await rules.assign(ctx, "voucher", row["id"], body.validation_rules or [])
    if campaign is not None:
        await enter(ctx, campaign["id"], 1, row["type"], row["amount"])
    return await announce(ctx, "created", row)


async def _campaign_of(ctx: Context, body: VoucherBody) -> db.Row | None:
    named = body.campaign_id or body.campaign
    if not named:
        if body.type == LOYALTY_CARD:
            raise InvalidVoucher("Property 'campaign' is required for LOYALTY_CARD")
        return None
    found = await campaigns.find(ctx.db, ctx.project_id, named)
    if found is not None:
        found = await ctx.db.fetchrow(campaigns.HOLD, ctx.project_id, found["id"])
    if found is None:
        raise NotFound.of("campaign", named)
    definition = found["voucher"] and msgspec.json.decode(found["voucher"])
    if not definition or definition["type"] != body.type:
        raise InvalidCampaign(f"A {found['campaign_type']} campaign cannot have a {body.type}")
    if found["type"] == "STANDALONE" and body.code is None:
        raise InvalidCampaign("You can not generate vouchers for STANDALONE type campaign.")
    check_quiet(found)
    return found


def check_quiet(campaign: db.Row) -> None:
    """Raises InvalidCampaign while a campaign's vouchers are made or changed in the background."""
    if campaign["creation_status"] in (campaigns.IN_PROGRESS, campaigns.MODIFYING):
        raise InvalidCampaign(
            f"The vouchers of campaign {campaign['id']} are being written; wait until its "
            "creation_status is DONE"
        )


async def insert(ctx: Context, one: Voucher, code: str) -> db.Row:
    """Inserts a voucher with a code. Raises DuplicateFound."""
    row = await _inserted(ctx, one, code)
    if row is None:
        raise DuplicateFound.of("voucher", code)
    return row


async def insert_random(ctx: Context, one: Voucher, config: codes.CodeConfig) -> db.Row:
    """Inserts a voucher with a random code. Raises InvalidCodeConfig where none is left."""
    supply = codes.Supply(config, ctx.noise, folded=not ctx.project.case_sensitive_codes)
    tried, portion, refused = 0, 1, 0
    while tried < MOST_TRIES and (drawn := supply.take(portion, refused)):
        keys = {vouchers.key_of(ctx.project, code): code for code in drawn}
        taken = await ctx.db.fetch(vouchers.TAKEN, ctx.project_id, list(keys))
        for row in taken:
            keys.pop(vouchers.key_of(ctx.project, row["code"]), None)
        for code in keys.values():
            row = await _inserted(ctx, one, code)
            if row is not None:
                return row
        tried, refused, portion = tried + len(drawn), len(drawn), 5000
    raise InvalidCodeConfig("The pattern has no code left that is not in use")


async def _inserted(ctx: Context, one: Voucher, code: str) -> db.Row | None:
    one.code, one.code_key = code, vouchers.key_of(ctx.project, code)
    return await ctx.db.fetchrow(vouchers.INSERT, ctx.project_id, *vouchers.TABLE.arguments(one))


async def enter(ctx: Context, campaign_id: str, count: int, type_: str, amount: int) -> None:
    """Counts vouchers of a type that were made in a campaign, with what is on all of them."""
    await ctx.db.execute(campaigns.ADD_VOUCHERS, ctx.project_id, campaign_id, count)
    measures = {"vouchers_created": count}
    if type_ == GIFT_VOUCHER:
        measures["created_vouchers_amount"] = amount
    elif type_ == LOYALTY_CARD:
        measures["created_vouchers_points"] = amount
    await campaigns.count(ctx.db, ctx.project_id, campaign_id, cards.today(ctx), measures)


async def announce(ctx: Context, happened: str, row: db.Row) -> VoucherAnswer:
    """The row as it is answered, told of as `voucher.created` and so on."""
    answer = await voucher_view.answer(ctx, row)
    data = wire.encode({"voucher": answer}).decode()
    await ctx.emit([Event(f"voucher.{happened}", data, campaign_id=row["campaign_id"])])
    return answer


# --- changing -----------------------------------------------------------------------------------


async def update(ctx: Context, code_or_id: str, body: VoucherFields) -> VoucherAnswer:
    """Updates a voucher that exists. Raises NotFound, and InvalidVoucher for another kind of
    discount.
    """
    row = await hold(ctx, code_or_id)
    before = voucher_view.balance(row)
    merged = metadata.patch(body.metadata)
    values = {
        "category_id": await categories.named(ctx, body.category, body.category_id)
        or row["category_id"],
        "active": row["active"] if body.active is None else body.active,
        "additional_info": (
            row["additional_info"] if body.additional_info is None else body.additional_info
        ),
        "quantity": quantity_of(body.redemption, row["quantity"]),
        **timeframes.columns(body, row),
        **_worth_after(body, row),
    }
    written = await vouchers.CHANGES.write(
        ctx.db, ctx.project_id, row["id"], values, merged, ctx.now
    )
    known = await definitions.current(ctx.db, ctx.project_id)
    metadata.check(known, "voucher", body.metadata, whole=False)
    if voucher_view.balance(written) != before:
        await cards.tell(ctx, written, voucher_view.balance(written) - before)
    return await announce(ctx, "updated", written)


def _worth_after(body: VoucherFields, row: db.Row) -> dict[str, Any]:
    """The columns of a voucher's worth: a discount keeps its type, a card what was spent of it."""
    values: dict[str, Any] = {
        "discount": None if row["discount"] is None else bytes(row["discount"]).decode(),
        "effect": row["effect"],
        "amount": row["amount"],
        "subtracted_amount": row["subtracted_amount"],
    }
    if body.discount is not None and row["discount"] is not None:
        new = discount_of(body.discount)
        kinds = (msgspec.json.decode(text)["type"] for text in (new, row["discount"]))
        if len(set(kinds)) > 1:
            raise InvalidVoucher("It is not possible to change Voucher discount type")
        values["discount"] = new
    if body.gift is not None and row["type"] == GIFT_VOUCHER:
        values["effect"] = body.gift.effect or row["effect"]
        if body.gift.amount is not None:
            check_amount(body.gift.amount, ".gift.amount", InvalidGift)
            values["amount"] = body.gift.amount
    card = body.loyalty_card
    if card is not None and card.points is not None and row["type"] == LOYALTY_CARD:
        check_amount(card.points, ".loyalty_card.points", InvalidVoucher)
        values["amount"] = card.points
    if row["type"] != DISCOUNT_VOUCHER and voucher_view.balance({**dict(row), **values}) < 0:
        raise InvalidVoucher("A card cannot hold less than what was spent of it")
    return values


async def switch(ctx: Context, code_or_id: str, *, active: bool) -> VoucherAnswer:
    """Enables or disables a voucher. Raises NotFound."""
    known = await get(ctx, code_or_id)
    row = await ctx.db.fetchrow(vouchers.SWITCH, ctx.project_id, known["id"], active, ctx.now)
    if row is None:
        raise NotFound.of("voucher", code_or_id)
    return await announce(ctx, "enabled" if active else "disabled", row)


async def delete(ctx: Context, code_or_id: str, *, force: bool) -> None:
    """Moves a voucher to the bin, or deletes it. Raises NotFound."""
    known = await get(ctx, code_or_id)
    campaign_id = known["campaign_id"]
    if campaign_id is not None:
        # The campaign before its vouchers: the order in which all lock them.
        campaign = await ctx.db.fetchrow(campaigns.HOLD, ctx.project_id, campaign_id)
        if campaign is None:
            # It was deleted, and its vouchers with it.
            raise NotFound.of("voucher", code_or_id)
        check_quiet(campaign)
    answer = await voucher_view.answer(ctx, known)
    if force:
        row = await ctx.db.fetchrow(vouchers.DELETE, ctx.project_id, known["id"])
    else:
        row = await ctx.db.fetchrow(vouchers.BIN, ctx.project_id, known["id"], ctx.now)
    if row is None:
        raise NotFound.of("voucher", code_or_id)
    await rules.release(ctx, [row["id"]])
    if force:
        await ctx.db.execute(vouchers.DELETE_TRANSACTIONS, ctx.project_id, [row["id"]])
        await ctx.db.execute(vouchers.DELETE_HOLDERS, ctx.project_id, [row["id"]])
        await ctx.db.execute(sessions.DELETE_OF_VOUCHERS, ctx.project_id, [row["id"]])
    else:
        entry = (ctx.new_id("tbe_"), row["id"], row["code"])
        await bin.enter(ctx.db, ctx.project_id, "voucher", campaign_id, [entry], ctx.now)
    if campaign_id is not None:
        await leave(ctx, campaign_id, 1, row["type"], voucher_view.balance(row))
    data = wire.encode({"voucher": answer}).decode()
    await ctx.emit([Event("voucher.deleted", data, campaign_id=campaign_id)])


async def leave(ctx: Context, campaign_id: str, count: int, type_: str, left: int) -> None:
    """Counts vouchers of a campaign that were deleted, with what was left on them."""
    await ctx.db.execute(campaigns.ADD_VOUCHERS, ctx.project_id, campaign_id, -count)
    measures = {"vouchers_deleted": count}
    if type_ == GIFT_VOUCHER:
        measures["amount_deleted"] = left
    elif type_ == LOYALTY_CARD:
        measures["points_deleted"] = left
    await campaigns.count(ctx.db, ctx.project_id, campaign_id, cards.today(ctx), measures)


async def purge(ctx: Context, voucher_id: str) -> None:
    """Deletes for good a voucher that is in the bin."""
    await ctx.db.execute(vouchers.DELETE_BINNED, ctx.project_id, voucher_id)
    await ctx.db.execute(vouchers.DELETE_TRANSACTIONS, ctx.project_id, [voucher_id])
    await ctx.db.execute(vouchers.DELETE_HOLDERS, ctx.project_id, [voucher_id])
    await ctx.db.execute(sessions.DELETE_OF_VOUCHERS, ctx.project_id, [voucher_id])

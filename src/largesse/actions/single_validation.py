"""What is done with the validation of one voucher, of one promotion tier, and of all tiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from largesse.actions import (
    buyers,
    checkout,
    checkout_bodies,
    checkout_view,
    single,
    timeframes,
    validate,
    voucher_view,
)
from largesse.actions.checkout import Request
from largesse.actions.checkout_bodies import TIER, VOUCHER, ContextBody, RedeemableBody
from largesse.actions.checkout_view import CategoryView, EntryList, OrderView, RefusalView
from largesse.actions.single import VoucherContextBody
from largesse.actions.validate import SessionView
from largesse.actions.voucher_view import VoucherGift
from largesse.engine import receipts, rule_names
from largesse.engine.incentives import GIFT
from largesse.engine.redemption import Step
from largesse.engine.refusals import Refusal
from largesse.kit.db import Row
from largesse.kit.routing import Answered
from largesse.store import campaigns
from largesse.store import promotions as promotion_store
from largesse.store.context import Context
from largesse.store.customer_view import Instant
from largesse.store.listing import Window
from largesse.store.redeemables import Loaded

# So many tiers are judged at once, the most recent ones.
MOST_TIERS = 150
# Rules that are about anything but who buys.
_BEYOND_AUDIENCE = frozenset(name for name in rule_names.NAMES if not name.startswith("customer."))


class VoucherValidation(msgspec.Struct, kw_only=True):
    """The answer to the validation of one voucher: what it gives, or the `reason` why it is not
    valid.
    """

    valid: bool
    reason: str | UnsetType = UNSET
    error: RefusalView | UnsetType = UNSET
    applicable_to: EntryList | UnsetType = UNSET
    inapplicable_to: EntryList | UnsetType = UNSET
    tracking_id: str
    session: SessionView | UnsetType = UNSET
    order: OrderView | UnsetType = UNSET
    code: str
    discount: Any = UNSET
    gift: VoucherGift | UnsetType = UNSET
    start_date: Instant | UnsetType = UNSET
    expiration_date: Instant | UnsetType = UNSET
    metadata: Any
    campaign: str | UnsetType = UNSET
    campaign_id: str | UnsetType = UNSET
    categories: list[CategoryView] | UnsetType = UNSET


class CampaignPart(msgspec.Struct, kw_only=True):
    """The campaign of a tier."""

    id: str
    start_date: Instant | None
    expiration_date: Instant | None
    active: bool
    categories: list[CategoryView] | UnsetType = UNSET
    object: str = "campaign"


class TierValidation(msgspec.Struct, kw_only=True):
    """The answer to the validation of one tier: what it gives, or the `reason` why it is not valid.
    `discount_amount` is all that is off the order, `applied_discount_amount` what the tier took.
    """

    valid: bool
    reason: str | UnsetType = UNSET
    error: RefusalView | UnsetType = UNSET
    applicable_to: EntryList | UnsetType = UNSET
    inapplicable_to: EntryList | UnsetType = UNSET
    tracking_id: str
    session: SessionView | UnsetType = UNSET
    order: OrderView | UnsetType = UNSET
    id: str
    name: str
    banner: str | UnsetType = UNSET
    discount: Any
    start_date: Instant | UnsetType = UNSET
    expiration_date: Instant | UnsetType = UNSET
    campaign: CampaignPart
    hierarchy: int
    discount_amount: int | UnsetType = UNSET
    applied_discount_amount: int | UnsetType = UNSET
    metadata: Any
    category_id: str | UnsetType = UNSET
    categories: list[CategoryView] | UnsetType = UNSET
    object: str = "promotion_tier"


class PromotionsValidation(msgspec.Struct, kw_only=True):
    """The tiers that apply, each for itself."""

    valid: bool
    tracking_id: str
    promotions: list[TierValidation]


# --- one voucher --------------------------------------------------------------------------------


async def voucher(
    ctx: Context, code: str, body: VoucherContextBody
) -> VoucherValidation | Answered:
    """Whether a voucher could be redeemed, and what the order would come to. What the request lacks
    is an error. Raises what `validate.decided` raises, NotFound for a code that nobody has, and
    AmbiguousTrackingId.
    """
    done = await validate.decided(ctx, single.checkout_of(VOUCHER, code, body))
    request, step = done.request, done.request.decided.steps[0]
    refusal = single.refusal_of(step)
    validate.notice(done, ctx.new_id("valid_"))
    tracking_id = single.tracking_id(request)
    if refusal is not None and single.lacks(refusal):
        return single.failed(single.told(ctx, refusal))
    row = _loaded(checkout.loaded(request, done.found, request.asked[0])).row
    answer = VoucherValidation(
        valid=refusal is None, tracking_id=tracking_id, code=row["code"], metadata=row["metadata"]
    )
    _decide(answer, request, step, refusal)
    answer.session = done.session
    if refusal is None:
        _describe(answer, request, step, row)
    return answer


def _loaded(found: Loaded | None) -> Loaded:
    """What is not there was refused before."""
    assert found is not None
    return found


def _decide(
    answer: VoucherValidation | TierValidation,
    request: Request,
    step: Step,
    refusal: Refusal | None,
) -> None:
    """Why a redeemable cannot be redeemed, or what it does to the order and its lines."""
    if refusal is not None:
        answer.reason = refusal.message
        answer.error = single.told(request.ctx, refusal)
        return
    outcome = step.outcome
    assert outcome is not None
    answer.applicable_to, answer.inapplicable_to = checkout_view.covered(step)
    if step.before is not None and outcome.cart is not None:
        receipt = receipts.of(step.before, outcome.cart)
        answer.order = checkout_view.order(receipt, **validate.order_members(request))


def _describe(
    answer: VoucherValidation, request: Request, step: Step, row: Mapping[str, Any]
) -> None:
    """What a voucher that can be redeemed gives, and what it belongs to."""
    incentive, outcome = step.asked.incentive, step.outcome
    assert incentive is not None
    assert outcome is not None
    if incentive.type == GIFT:
        answer.gift = voucher_view.gift_of(row)
        answer.gift.balance = incentive.balance
    else:
        answer.discount = outcome.discount
    answer.start_date = timeframes.stamp(row["start_date"]) or UNSET
    answer.expiration_date = timeframes.stamp(row["expiration_date"]) or UNSET
    if row["campaign_id"] is not None:
        answer.campaign, answer.campaign_id = row["campaign_name"], row["campaign_id"]
    if checkout_bodies.expands(request.body, "category"):
        answer.categories = checkout_view.categories(request.known, row["category_id"], whole=False)


# --- tiers --------------------------------------------------------------------------------------


async def tier(ctx: Context, tier_id: str, body: ContextBody) -> TierValidation:
    """Whether a promotion tier could be redeemed, and what the order would come to. Raises what
    `validate.decided` raises, NotFound for a tier that is not there, and AmbiguousTrackingId.
    """
    done = await validate.decided(ctx, single.checkout_of(TIER, tier_id, body))
    request, step = done.request, done.request.decided.steps[0]
    refusal = single.refusal_of(step)
    validate.notice(done, ctx.new_id("valid_"))
    row = _loaded(done.found.tiers.get(tier_id)).row
    named = await _categories_of(request, [row])
    answer = _tier(request, step, refusal, row, single.tracking_id(request), named)
    answer.session = done.session
    return answer


async def promotions(
    ctx: Context,
    body: ContextBody,
    filters: Mapping[str, Any] | None = None,
    *,
    audience_only: bool = False,
) -> PromotionsValidation:
    """The tiers that could be redeemed, each alone, the most recent first; of those that rules
    about the customer alone let through, if they alone count. Raises InvalidQueryParams for filters
    that are none, what `checkout_bodies.check_context` raises, NotFound, and AmbiguousTrackingId.
    """
    checkout_bodies.check_context(ctx, body)
    listing = promotion_store.TIERS_LISTING
    values = {"available_at": ctx.now, "filters": listing.read(_flat(filters), ctx.now)}
    page = await listing.page(ctx.db, ctx.project_id, values, Window(limit=MOST_TIERS))
    request = Request(ctx=ctx, body=body)
    await checkout.find_order(request)
    asked = [RedeemableBody(object=TIER, id=row["id"]) for row in page.rows]
    request.asked = asked
    found = await checkout.load([request])
    request.customer = await buyers.look(ctx, body, request.order)
    await checkout.know(request, found)
    checkout.check(request, found)
    await checkout.read_order(request)
    await checkout.learn(request, checkout.of_request(request, found))
    shared = await checkout.share([request], found)
    tracking_id = single.tracking_id(request)
    named = await _categories_of(request, page.rows)
    unseen = _BEYOND_AUDIENCE if audience_only else frozenset[str]()
    answers = []
    for each in asked:
        request.asked = [each]
        plan = checkout.decide(request, found, shared, unseen)
        if plan.valid:
            row = found.tiers[each.id].row
            answers.append(_tier(request, plan.steps[0], None, row, tracking_id, named))
    return PromotionsValidation(valid=bool(answers), tracking_id=tracking_id, promotions=answers)


def _flat(filters: Mapping[str, Any] | None) -> dict[str, Any]:
    """Filters with those of metadata by their whole names, however deep they were written."""
    flat = dict(filters or {})
    nested = flat.get("metadata")
    if isinstance(nested, Mapping) and "conditions" not in nested:
        del flat["metadata"]
        flat |= {f"metadata.{key}": member for key, member in nested.items()}
    return flat


Categories = Mapping[str, list[CategoryView]]


async def _categories_of(request: Request, rows: list[Row]) -> Categories | None:
    """The categories of tiers' campaigns by the campaigns' ids, where they are asked for."""
    if not checkout_bodies.expands(request.body, "category"):
        return None
    ctx, ids = request.ctx, {row["campaign_id"] for row in rows}
    found = await ctx.db.fetch(campaigns.NAMED, ctx.project_id, list(ids))
    return {
        row["id"]: checkout_view.categories(request.known, row["category_id"], whole=False)
        for row in found
    }


def _tier(
    request: Request,
    step: Step,
    refusal: Refusal | None,
    row: Row,
    tracking_id: str,
    named: Categories | None,
) -> TierValidation:
    """What came of a tier; `named` are the categories of campaigns, where they are asked for."""
    campaign = CampaignPart(
        id=row["campaign_id"],
        start_date=timeframes.stamp(row["campaign_start_date"]),
        expiration_date=timeframes.stamp(row["campaign_expiration_date"]),
        active=row["campaign_active"],
    )
    action = msgspec.json.decode(bytes(row["action"]))
    answer = TierValidation(
        valid=refusal is None,
        tracking_id=tracking_id,
        id=row["id"],
        name=row["name"],
        banner=row["banner"] or UNSET,
        discount=step.outcome.discount if step.outcome else action["discount"],
        start_date=timeframes.stamp(row["start_date"]) or UNSET,
        expiration_date=timeframes.stamp(row["expiration_date"]) or UNSET,
        campaign=campaign,
        hierarchy=row["hierarchy"],
        metadata=row["metadata"],
        category_id=row["category_id"] or UNSET,
    )
    if named is not None:
        campaign.categories = named.get(row["campaign_id"]) or UNSET
        answer.categories = (
            checkout_view.categories(request.known, row["category_id"], whole=False) or UNSET
        )
    _decide(answer, request, step, refusal)
    if isinstance(answer.order, OrderView):
        answer.discount_amount = answer.order.total_discount_amount
        answer.applied_discount_amount = answer.order.total_applied_discount_amount
    return answer

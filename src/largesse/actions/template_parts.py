"""What a campaign template keeps of a campaign or a promotion tier and its rules, and the bodies
that others are made from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from largesse.actions import rules, template_resources, timeframes
from largesse.actions.campaigns import CampaignBody
from largesse.actions.promotions import TierBody
from largesse.actions.rule_definitions import decoded
from largesse.actions.rules import RuleBody
from largesse.actions.template_resources import Resource
from largesse.actions.worth import DISCOUNT_VOUCHER
from largesse.kit import db, wire
from largesse.kit.errors import InvalidValidationRules
from largesse.store import rules as rules_store
from largesse.store.context import Context

DISCOUNT_COUPONS, GIFT_VOUCHERS = "DISCOUNT_COUPONS", "GIFT_VOUCHERS"
TYPES = (DISCOUNT_COUPONS, GIFT_VOUCHERS)

# They name what another project does not have, and without them a copy would be open to all.
UNSUPPORTED = frozenset({"redemption.api_key", "redemption.user.login", "customer.loyalty.tier"})

_CAMPAIGN = ("type", "description", "join_once", "auto_join", "use_voucher_metadata_schema")
_RULE = ("rules", "bundle_rules", "error", "applicable_to")
_OF_CAMPAIGN, _OF_TIER = "campaign.discount_coupons", "campaign.promotion"


class Kept(msgspec.Struct, kw_only=True):
    """What a template keeps: a campaign without its name, category and vouchers, and of a tier
    its banner; rules as they are defined; and what these speak of.
    """

    campaign_type: str
    campaign: dict[str, Any]
    banner: str | None = None
    validation_rules: list[dict[str, Any]] = []
    resources: list[Resource] = []


# --- keeping ------------------------------------------------------------------------------------


async def of_campaign(ctx: Context, row: db.Row) -> Kept:
    """What is kept of a campaign. Raises InvalidValidationRules."""
    campaign = {name: row[name] for name in _CAMPAIGN if row[name] is not None}
    duration = row["activity_duration_after_publishing"]
    if duration is not None:
        campaign["activity_duration_after_publishing"] = duration
    campaign |= timeframes.answered(row) | {"metadata": row["metadata"], "voucher": row["voucher"]}
    return await _kept(ctx, row, Kept(campaign_type=row["campaign_type"], campaign=campaign))


async def of_tier(ctx: Context, row: db.Row) -> Kept:
    """What is kept of a promotion tier, as a campaign of discount coupons. Raises
    InvalidValidationRules.
    """
    action = msgspec.json.decode(row["action"])
    voucher = {"type": DISCOUNT_VOUCHER, "discount": action["discount"]}
    campaign = timeframes.answered(row) | {"metadata": row["metadata"], "voucher": voucher}
    kept = Kept(campaign_type=DISCOUNT_COUPONS, campaign=campaign, banner=row["banner"])
    return await _kept(ctx, row, kept)


async def _kept(ctx: Context, row: db.Row, kept: Kept) -> Kept:
    kept.campaign = msgspec.json.decode(wire.encode(kept.campaign))
    named = template_resources.named(kept.campaign["voucher"].get("discount"))
    assigned = (await rules.assignments_of(ctx, [row["id"]]))[row["id"]]
    for assignment in reversed(assigned.data):
        rule = await ctx.db.fetchrow(rules_store.GET, ctx.project_id, assignment.rule_id)
        if rule is not None:
            kept.validation_rules.append(_rule(rule))
            named |= set(rule["refs"])
    kept.resources = await template_resources.keep(ctx, named)
    return kept


def _rule(row: db.Row) -> dict[str, Any]:
    """A rule as it is defined. Raises InvalidValidationRules for what templates do not support."""
    definition = {name: decoded(row[name]) for name in _RULE}
    for name in _names(definition["rules"]):
        if name in UNSUPPORTED:
            raise InvalidValidationRules(
                f"Validation rule {row['id']} asks for {name}, which campaign templates do not "
                "support"
            )
    given = {name: value for name, value in definition.items() if value is not None}
    return {name: row[name] for name in ("name", "type", "context_type")} | given


def _names(given: Mapping[str, Any]) -> Iterator[str]:
    for rule in given.values():
        if isinstance(rule, dict):
            yield rule["name"]
            yield from _names(rule["rules"])


# --- making -------------------------------------------------------------------------------------


def campaign_body(kept: Kept, name: str, ids: Mapping[str, str]) -> CampaignBody:
    """A campaign as it was kept, with other ids where objects were made anew."""
    members = {"name": name, "campaign_type": kept.campaign_type}
    saved = template_resources.renamed(kept.campaign, ids)
    return msgspec.convert(members | saved, CampaignBody)


def tier_body(kept: Kept, name: str, ids: Mapping[str, str]) -> TierBody:
    """A tier that gives the discount that was kept, when and as the campaign did."""
    saved = template_resources.renamed(kept.campaign, ids)
    members = {member: saved[member] for member in timeframes.MEMBERS if member in saved}
    members |= {
        "name": name,
        "banner": kept.banner,
        "action": {"discount": saved["voucher"]["discount"]},
        "metadata": saved["metadata"],
    }
    return msgspec.convert(members, TierBody)


def rule_body(rule: Mapping[str, Any], ids: Mapping[str, str], *, of_tier: bool) -> RuleBody:
    """A rule as it was kept. Made for a tier and used for a campaign, or the other way round, it
    is one of the other context; budgets of a tier become those of a campaign.
    """
    before, after = (_OF_CAMPAIGN, _OF_TIER) if of_tier else (_OF_TIER, _OF_CAMPAIGN)
    body = msgspec.convert(template_resources.renamed(rule, ids), RuleBody)
    if body.context_type is not None and body.context_type.startswith(before):
        body.context_type = after + body.context_type.removeprefix(before)
    if not of_tier and body.applicable_to is not None:
        body.applicable_to = {
            name: [_of_campaign(entry) for entry in value] if isinstance(value, list) else value
            for name, value in body.applicable_to.items()
        }
    return body


def _of_campaign(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry whose budgets are those of a campaign, which has no tiers."""
    moved = {name.replace("_promotion_tier_", "_campaign_"): each for name, each in entry.items()}
    own = {name: each for name, each in entry.items() if "_promotion_tier_" not in name}
    return moved | own

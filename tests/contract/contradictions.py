"""Where the reference contradicts itself or leaves out what it says elsewhere, and what is answered
instead. The only place where an answer may differ from its schema.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jsonschema import ValidationError


class Contradiction(NamedTuple):
    """Patterns that have to match whole: `GET /v1/x`, the member's path, the validator's words."""

    operation: str
    where: str
    message: str
    reason: str


# Operations that the reference describes with fewer answers than they have.
OWN: set[str] = set()

CONTRADICTIONS = [
    Contradiction(
        r"(POST|GET) /v1/exports(/\{exportId\})?|POST /v1/orders/export",
        r"(exports/\d+)?",
        r"\{'id': 'exp_\w+', 'object': 'export', .*\} is not valid under any of .*",
        "the schemas want a user's id, and know neither products nor `metadata.x` as a field; "
        "the examples of the same operations have user_id null and such fields",
    ),
    Contradiction(
        r"(POST|GET) /v1/exports(/\{exportId\})?|POST /v1/orders/export",
        r"(exports/\d+/)?(user_id|parameters/fields/\d+)",
        r"None is not of type 'string'|'metadata\..*' is not one of \[.*\]",
        "as above",
    ),
    Contradiction(
        r"GET /v1/locations(/\{locationId\})?",
        r"(data/\d+/)?shape",
        r"\{'type': 'polygon', .*\} is not valid under any of the given schemas",
        "the schema has rings of whole numbers, the examples rings of positions",
    ),
    Contradiction(
        r"GET /v1/metadata-schemas",
        r"",
        r"'data' is a required property",
        "data_ref and the example of the same operation name the member schemas",
    ),
    Contradiction(
        r"POST /v1/oauth/introspect",
        r"",
        r"'(access_token|client_id|expires_at|expires_in|scope|token_type)' is a required property",
        "its own example of an inactive token is {active: false}",
    ),
    Contradiction(
        r"POST /v1/customers/(bulk|metadata)/async",
        r"code",
        r"429 is not of type 'string'",
        "every other error has its code as a number",
    ),
    Contradiction(
        r"(POST|GET|PUT) /v1/vouchers.*|POST /v1/campaigns/\{campaignId\}/vouchers(/\{code\})?",
        r"((vouchers|data)/\d+/)?(campaign|campaign_id|category|category_id|discount|gift|loyalty_card|"
        r"start_date|expiration_date|validity_timeframe|validity_day_of_week|additional_info|"
        r"updated_at|redemption/quantity)",
        r"None is not (of type '\w+'|valid under any of the given schemas)",
        "the schemas of vouchers know no null; the examples of the same operations have them",
    ),
    Contradiction(
        r"POST /v1/(vouchers/\{code\}|campaigns/\{campaignId\})/transactions/export",
        r"parameters/filters/(voucher_id|campaign_id)/conditions/\$in/\d+",
        r"'(v|camp)_\w+' is too long",
        "the schema allows ids of one character; the examples have whole ones",
    ),
    Contradiction(
        r"GET /v1/vouchers/\{code\}/transactions",
        r"data/\d+/campaign_id",
        r"None is not of type 'string'",
        "the transaction of a card that belongs to no campaign, whose voucher has null there",
    ),
    Contradiction(
        r"GET /v1/vouchers/\{code\}/transactions",
        r"data/\d+/details/order",
        r"'source_id' is a required property|None is not of type 'object'",
        "an order may have none, and a redemption without an order has no order",
    ),
    Contradiction(
        r"(GET|POST|PUT) (/client)?/v1/(promotions|campaigns)(/.*)?",
        r"((campaigns/\d+/)?promotion/)?(tiers/\d+/)?"
        r"(campaign/(start_date|expiration_date)|validation_rule_assignments)",
        r"None is not of type '(string|object)'",
        "the examples of tiers show null for a campaign without dates and a tier without rules",
    ),
    Contradiction(
        r"(GET|POST|PUT) /v1/promotions/\{campaignId\}/stacks(/\{stackId\})?",
        r"categories/\d+",
        r"'tiers' is a required property",
        "the schemas of one stack take its categories for stacks; that of the lists does not",
    ),
    Contradiction(
        r"POST /v1/campaigns/qualification",
        r"data/\d+/voucher",
        r"\{'type': .*",
        "the schema wants the length of codes as a text and knows no endless quantity; what the "
        "other operations answer of the same campaign has a number, and null",
    ),
    Contradiction(
        r"POST /v1/campaigns/qualification",
        r"data/\d+/categor(y_id|ies)",
        r"None is not of type 'string'|\[.*\] is not of type 'object'",
        "one category where all other operations list them, and no word of a campaign without one",
    ),
    Contradiction(
        r"(POST|GET|PUT) /v1/campaigns.*",
        r"(campaigns/\d+/|campaign/)?voucher/gift",
        r"'balance' is a required property",
        "a definition has no balance; the example of the same operation has amount and effect",
    ),
    Contradiction(
        r"GET /v1/campaigns/\{campaignId\}/summary",
        r"",
        r"\{'object': 'campaign_summary', .*'gift': \{'amount': \d+, 'effect': '\w+'\}.* is not "
        r"valid under any of the given schemas",
        "as above",
    ),
    Contradiction(
        r"GET (/v1|/management/v1/projects/\{projectId\})/templates/campaigns",
        r"",
        r"'campaign_template' is a required property",
        "the schemas require a member that they do not describe, and neither has the example",
    ),
    Contradiction(
        r"POST /v1/templates/campaigns/\{campaignTemplateId\}/tier-setup",
        r"|promotion_tier/(campaign/(start_date|expiration_date)|validation_rule_assignments)",
        r"'campaign' is a required property|None is not of type '\w+'",
        "the schema requires a member that it does not describe; the example has no such member, "
        "and null dates",
    ),
    Contradiction(
        r"POST /v1/templates/campaigns/\{campaignTemplateId\}/campaign-setup",
        r"campaign/voucher/gift",
        r"'balance' is a required property",
        "a campaign as it is answered elsewhere: its definition has no balance",
    ),
    Contradiction(
        r"\w+ /v1/validation-rules(/\{validationRuleId\})?",
        r"(data/\d+/)?applicable_to/(included|excluded)/\d+(/source_id)?",
        r"None is not of type 'string'|'id' is a required property",
        "the examples of the same operations have a source id that is null; a product that does "
        "not exist yet is named by its source id alone",
    ),
    Contradiction(
        r"\w+ /v1/validation-rules(/\{validationRuleId\})?",
        r"(data/\d+/)?bundle_rules/\d+/rules/1",
        r"\{.*\} has too many properties",
        "the schema describes three members of a subrule and allows one",
    ),
    Contradiction(
        r"\w+ /management/v1/projects.*",
        r"(data/\d+)?",
        r"'(description|dial_code|webhook_token|limits|api_usage_notifications|"
        r"webhooks_callout_notifications)' is a required property",
        "the schema requires members that the examples of the same operations leave out",
    ),
    Contradiction(
        r"POST /v1/promotions/(validation|tiers/\{tierId\}/validation)",
        r"(promotions/\d+/)?(valid|campaign/(start_date|expiration_date)|"
        r"order/(customer_id|referrer_id|source_id|updated_at)|(campaign/)?categories)",
        r"True is not of type 'string'|None is not of type 'string'|\[.*\] is not of type 'object'",
        "the examples of the same operations have a boolean, nulls and a list of categories",
    ),
    Contradiction(
        r"POST (/client)?/v1/redemptions",
        r"redemptions/\d+",
        r"'redemption' is a required property",
        "the schema asks for a parent's id; what is redeemed alone has no parent",
    ),
    Contradiction(
        r"POST (/client)?/v1/redemptions",
        r"redemptions/\d+/(voucher|voucher/(campaign|campaign_id|updated_at|start_date|expiration_date|"
        r"validity_timeframe|validity_day_of_week|redemption/quantity)|promotion_tier/campaign/"
        r"(start_date|expiration_date))",
        r"None is not of type '\w+'",
        "vouchers and tiers have nulls there elsewhere, and in the examples of stored redemptions",
    ),
    Contradiction(
        r"POST /v1/(vouchers/\{code\}|promotions/tiers/\{promotionTierId\})/redemption|"
        r"POST /client/v1/redeem",
        r"metadata|order/(source_id|updated_at|customer_id|referrer_id)|"
        r"voucher/(campaign|campaign_id|category|category_id|discount|gift|loyalty_card|start_date|"
        r"expiration_date|validity_timeframe|validity_day_of_week|additional_info|updated_at|"
        r"redemption/quantity)|promotion_tier/(campaign/(start_date|expiration_date)|"
        r"validation_rule_assignments)",
        r"None is not (of type '\w+'|valid under any of the given schemas)",
        "the schemas know no null; the examples of the same operations have them, as vouchers and "
        "tiers have elsewhere",
    ),
    Contradiction(
        r"\w+ /v1/(redemptions.*|vouchers/\{code\}/redemption)",
        r"(((parent_)?(redemption|rollback)(s|_entries)?)(/\d+)?/)?(voucher(/(campaign|campaign_id|"
        r"updated_at|redemption/quantity))?|promotion_tier/campaign/(start_date|expiration_date))",
        r"None is not of type '\w+'",
        "the schemas know no null there; the examples of the same operations have it for what was "
        "redeemed without a voucher, for a voucher without a campaign and for one without a limit",
    ),
    Contradiction(
        r"\w+ /v1/(redemptions.*|vouchers/\{code\}/redemption)",
        r"(((parent_)?redemption(s|_entries)?)(/\d+)?)?",
        r"'redemption' is a required property",
        "it names the parent of a child; the examples of those without a parent leave it out",
    ),
]


def accepted(operation: str, where: str, error: ValidationError) -> bool:
    """Whether an error is known; of several alternatives, whether all errors of one are."""
    if any(
        re.fullmatch(known.operation, operation)
        and re.fullmatch(known.where, where)
        and re.fullmatch(known.message, error.message, re.DOTALL)
        for known in CONTRADICTIONS
    ):
        return True
    branches: dict[object, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    return any(
        all(accepted(operation, "/".join(map(str, each.absolute_path)), each) for each in branch)
        for branch in branches.values()
    )

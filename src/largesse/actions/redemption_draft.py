"""One redemption that was decided: what it writes, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from largesse.actions import (
    buyers,
    checkout,
    checkout_view,
    customers,
    order_items,
    redemption_rows,
    redemption_view,
)
from largesse.actions.checkout import Request
from largesse.actions.checkout_view import RedeemableView
from largesse.actions.customers import CustomerBody
from largesse.actions.orders import CustomerOfOrder
from largesse.actions.redemption_rows import Writing
from largesse.actions.redemption_view import Redeemed, RedemptionView, TierPart, VoucherPart
from largesse.engine import orders as order_rules
from largesse.engine import receipts
from largesse.engine.receipts import Receipt
from largesse.engine.redemption import INAPPLICABLE, SKIPPED, Step
from largesse.engine.refusals import MESSAGES
from largesse.kit import wire
from largesse.kit.ids import is_id
from largesse.kit.routing import Answered
from largesse.store.redeemables import Redeemables
from largesse.store.redemptions import FAILURE, Checkout, Redemption


class Draft:
    """One decided request: what it writes and what it answers. `rows` are the vouchers as those
    before it left them.
    """

    def __init__(
        self,
        request: Request,
        found: Redeemables,
        rows: dict[str, dict[str, Any]],
        writing: Writing,
    ) -> None:
        self.request = request
        self.ctx = request.ctx
        self.found = found
        self.rows = rows
        self.writing = writing
        body = request.body
        self.expand: list[str] = (body.options.expand or []) if body.options else []
        self.tracking_id = buyers.tracking_id(self.ctx, body, request.customer)
        self.metadata = wire.encode(body.metadata).decode() if body.metadata else None
        self.customer_id: str | None = request.customer["id"] if request.customer else None
        self.order_id: str | None = None

    # --- what was redeemed ----------------------------------------------------------------------

    async def redeemed(self) -> Redeemed:
        plan = self.request.decided
        ids = [self.ctx.new_id("r_") for _ in plan.order]
        parent_id = self.ctx.new_id("r_") if len(ids) > 1 else None
        receipt, members = await self._order(ids, parent_id)
        whole: Any = None
        raw: msgspec.Raw | None = None
        if receipt is not None:
            whole = checkout_view.order(receipt, **members)
            raw = msgspec.Raw(wire.encode(whole))
            self._write_order(receipt, members, raw)
        views = []
        for id_, step in zip(ids, plan.applicable, strict=True):
            order = raw
            if parent_id is not None and raw is not None:
                order = self._snapshot(step, members)
            views.append(self._child(id_, parent_id, step, order))
        if self.request.body.session is not None and self.request.body.session.key:
            self.writing.sessions.add(self.request.body.session.key)
        answer = Redeemed(redemptions=views)
        if whole is not None:
            answer.order = whole
        if parent_id is not None:
            answer.parent_redemption = self._parent(parent_id, raw)
        self._set_apart(answer)
        return answer

    def _child(
        self, id_: str, parent_id: str | None, step: Step, order: msgspec.Raw | None
    ) -> RedemptionView:
        incentive, outcome = step.asked.incentive, step.outcome
        assert incentive is not None
        assert outcome is not None
        row = self._row(id_, step, parent_id=parent_id, order=order)
        if incentive.type != "DISCOUNT_VOUCHER" and incentive.object == "voucher":
            row.amount = outcome.credits
        else:
            row.discount_amount = outcome.total
        cart = self.request.cart
        if outcome.order_counted and cart is not None:
            row.order_amount = cart.initial
        units = {key: n for key, n in outcome.counted.items() if "/units/" in key}
        row.counted = wire.encode(units).decode() if units else None
        self.writing.count(outcome.counted)
        if incentive.object == "voucher":
            self._spend(row, outcome.credits)
        self.writing.sum_up(
            self.customer_id,
            redemptions_total_redeemed=1,
            redemptions_total_succeeded=1,
            gift_redeemed_amount=row.amount or 0,
        )
        part = self._part(step)
        view = redemption_view.view(row, self.request.customer, part, order)
        self._tell("succeeded", row, view, part, step)
        return view

    def _spend(self, row: Redemption, credits: int) -> None:
        assert row.voucher_id is not None
        voucher = self.rows[row.voucher_id]
        voucher["redeemed_quantity"] += 1
        voucher["redeemed_amount"] += credits
        self.writing.spend(row.voucher_id, 1, credits)
        if row.amount is None:
            return
        order = {"id": row.order_id, "source_id": self._source_id()} if row.order_id else None
        self.writing.entries.append(
            redemption_rows.entry(self.ctx, voucher, -credits, row.id, order)
        )
        if voucher["holder_id"] == self.customer_id:
            self.writing.sum_up(self.customer_id, gift_amount_to_go=-credits)

    def _parent(self, id_: str, order: msgspec.Raw | None) -> RedemptionView:
        row = self._row(id_, None, order=order)
        return redemption_view.view(row, self.request.customer, None, order)

    # --- the order ------------------------------------------------------------------------------

    async def _order(
        self, ids: Sequence[str], parent_id: str | None
    ) -> tuple[Receipt | None, dict[str, Any]]:
        """What the order comes to, and its members that are not worked out."""
        request, ctx, plan = self.request, self.ctx, self.request.decided
        if request.cart is None:
            return None, {}
        assert plan.cart is not None
        receipt = receipts.of(request.cart, plan.cart)
        await self._override(receipt)
        body, row = request.body.order, request.order
        before = {} if row is None or row["redemptions"] is None else row["redemptions"]
        made = msgspec.json.decode(bytes(before)) if before else {}
        made |= self._entry(ids, parent_id)
        if row is not None:
            status = order_rules.redeemed(row["status"], body.status if body else None)
            members = checkout_view.stored(row) | {
                "status": status,
                "updated_at": wire.stamp(ctx.now),
                "customer_id": row["customer_id"] or self.customer_id,
            }
        else:
            assert body is not None
            id_ = body.id if body.id and is_id(body.id, "ord_") else ctx.new_id("ord_")
            members = {
                "id": id_,
                "source_id": body.source_id,
                "created_at": wire.stamp(ctx.now),
                "updated_at": None,
                "status": body.status or order_rules.PAID,
                "metadata": body.metadata or {},
                "customer_id": self.customer_id,
                "referrer_id": await self._referrer(),
            }
        for name in ("customer", "referrer"):
            if members[f"{name}_id"] is not None:
                members[name] = CustomerOfOrder(members[f"{name}_id"])
        members["redemptions"] = made
        return receipt, members

    async def _override(self, receipt: Receipt) -> None:
        """Stores the products that the order's items want to be stored, now that it is made."""
        body = self.request.body.order
        if self.request.order is not None or body is None or not body.items:
            return
        if not any(map(order_items.stores, body.items)):
            return
        items = await order_items.items_of(self.ctx, body.items, self.request.known, silent=False)
        for item, written in zip(receipt.items, items, strict=False):
            for name in ("product", "sku", "product_id", "sku_id"):
                setattr(item, name, getattr(written, name))

    async def _referrer(self) -> str | None:
        """Who referred the buyer: as the order says, else whose referral code is redeemed."""
        body = self.request.body.order
        assert body is not None
        referrer = body.referrer or (
            CustomerBody(id=body.referrer_id) if body.referrer_id else None
        )
        row = await customers.mention(self.ctx, referrer)
        if row is not None:
            referrer_id: str = row["id"]
            return referrer_id
        codes = (step.asked.incentive for step in self.request.decided.applicable)
        return next((code.referrer_id for code in codes if code and code.referrer_id), None)

    def _entry(self, ids: Sequence[str], parent_id: str | None) -> dict[str, Any]:
        """What the order tells of its redemption."""
        date = wire.stamp(self.ctx.now)
        if parent_id is not None:
            return {
                parent_id: {
                    "date": date,
                    "related_object_type": "redemption",
                    "related_object_id": parent_id,
                    "stacked": list(ids),
                }
            }
        incentive = self.request.decided.applicable[0].asked.incentive
        assert incentive is not None
        entry = {
            "date": date,
            "related_object_type": incentive.object,
            "related_object_id": incentive.id,
        }
        if incentive.campaign is not None:
            entry["related_object_parent_id"] = incentive.campaign.id
        return {ids[0]: entry}

    def _write_order(self, receipt: Receipt, members: Mapping[str, Any], raw: msgspec.Raw) -> None:
        row, metadata = self.request.order, members["metadata"]
        sums = msgspec.structs.asdict(receipt)
        items = sums.pop("items")
        initial = sums.pop("initial_amount") or (None if row is None else row["initial_amount"])
        if initial is None and self.request.body.order is not None and row is None:
            initial = self.request.body.order.initial_amount
        text = bytes(metadata) if isinstance(metadata, msgspec.Raw) else wire.encode(metadata)
        written = Checkout(
            id=members["id"],
            source_id=members["source_id"],
            status=members["status"],
            customer_id=members["customer_id"],
            referrer_id=members["referrer_id"],
            initial_amount=initial,
            items=wire.encode(items).decode(),
            metadata=text.decode(),
            redemptions=wire.encode(members["redemptions"]).decode(),
            **sums,
        )
        self.order_id = written.id
        self.writing.order(row, written)
        for told in redemption_rows.order_events(
            None if row is None else row["status"],
            written.status,
            self.request.customer,
            raw,
            written.referrer_id,
        ):
            self.writing.tell(self.ctx, told)

    def _snapshot(self, step: Step, members: Mapping[str, Any]) -> msgspec.Raw | None:
        """The order as a step left it."""
        assert step.outcome is not None
        if step.before is None or step.outcome.cart is None:
            return None
        receipt = receipts.of(step.before, step.outcome.cart)
        plain = {name: value for name, value in members.items() if name != "redemptions"}
        return msgspec.Raw(wire.encode(checkout_view.order(receipt, **plain)))

    def _source_id(self) -> str | None:
        row, body = self.request.order, self.request.body.order
        return row["source_id"] if row is not None else body.source_id if body else None

    # --- what was refused -----------------------------------------------------------------------

    def refused(self) -> Answered:
        """Stores what failed, and answers why: by the first that was refused."""
        plan, ctx = self.request.decided, self.ctx
        partial = self.request.known.stacking.redeemables_application_mode != "ALL"
        refusal = plan.refusal
        single = len(plan.steps) == 1
        parent_id = None if single else ctx.new_id("rf_")
        first = parent_id
        if parent_id is not None:
            key = "no_applicable_redeemables" if partial else refusal.key
            row = self._row(parent_id, None, failed=key)
            view = redemption_view.view(row, self.request.customer, None)
            self._tell("failed", row, view, None, None)
        for step in plan.steps:
            if step.status == INAPPLICABLE or single:
                key = step.refusal.key if step.refusal else refusal.key
                row = self._row(ctx.new_id("rf_"), step, parent_id=parent_id, failed=key)
                first = first or row.id
                part = self._part(step)
                view = redemption_view.view(row, self.request.customer, part)
                self._tell("failed", row, view, part, step)
                self.writing.sum_up(self.customer_id, redemptions_total_failed=1)
        answered = checkout_view.refusal(refusal, ctx.request_id)
        # What a marketer wrote stands in `error` alone.
        answered.message = refusal.message
        if refusal.code != 404:
            answered.resource_id, answered.resource_type = first, "redemption"
        return Answered(refusal.code, answered)

    # --- rows and parts -------------------------------------------------------------------------

    def _row(
        self,
        id_: str,
        step: Step | None,
        *,
        parent_id: str | None = None,
        order: msgspec.Raw | None = None,
        failed: str | None = None,
    ) -> Redemption:
        row = Redemption(
            id=id_,
            parent_id=parent_id,
            customer_id=self.customer_id,
            tracking_id=self.tracking_id,
            order=None if order is None else bytes(order).decode(),
            metadata=self.metadata,
            channel_id=checkout.api_key(self.ctx),
            created_at=self.ctx.now,
        )
        if order is not None:
            row.order_id = self.order_id
        incentive = step.asked.incentive if step is not None else None
        if incentive is not None and incentive.object == "voucher":
            row.voucher_id, row.voucher_code = incentive.id, incentive.name
        elif incentive is not None:
            row.promotion_tier_id = incentive.id
        if incentive is not None and incentive.campaign is not None:
            row.campaign_id = incentive.campaign.id
        if failed is not None:
            row.result, row.failure_code = FAILURE, failed
            row.failure_message = MESSAGES[failed]
        self.writing.rows.append(row)
        return row

    def _part(self, step: Step) -> VoucherPart | TierPart | None:
        incentive = step.asked.incentive
        if incentive is None:
            return None
        known = self.request.known
        if incentive.object == "voucher":
            return redemption_view.voucher(self.rows[incentive.id], known, self.expand)
        return redemption_view.tier(self.found.tiers[incentive.id].row, known, self.expand)

    def _tell(
        self,
        happened: str,
        row: Redemption,
        view: RedemptionView,
        part: VoucherPart | TierPart | None,
        step: Step | None,
    ) -> None:
        source: Mapping[str, Any] | None = None
        if row.voucher_id is not None:
            source = self.rows[row.voucher_id]
        elif row.promotion_tier_id is not None:
            source = self.found.tiers[row.promotion_tier_id].row
        campaign = redemption_rows.campaign_of(source)
        customer = self.request.customer
        parts = {
            "customer": None if customer is None else customers.simple(customer),
            "order": view.order,
            "campaign": campaign,
            "voucher": part if isinstance(part, VoucherPart) else None,
            "holder": None,
            "promotion_tier": part if isinstance(part, TierPart) else None,
            "created_at": wire.stamp(self.ctx.now),
        }
        measures = {"redemptions": 1, f"redemptions_{happened}": 1}
        if happened == "succeeded":
            measures |= {
                "orders_amount": row.order_amount,
                "discounted_amount": row.discount_amount,
                "amount_redeemed": row.amount or 0,
                "tier.redeemed": 1,
                "tier.orders_amount": row.order_amount,
                "tier.discounted_amount": row.discount_amount,
            }
        self.writing.tell(
            self.ctx,
            redemption_rows.event(self.ctx, happened, view, parts, row, campaign, measures),
        )

    def _set_apart(self, answer: Redeemed) -> None:
        """What did not apply, where the others were redeemed without it."""
        plan = self.request.decided
        if len(plan.order) == len(plan.steps):
            return
        views: dict[str, list[RedeemableView]] = {INAPPLICABLE: [], SKIPPED: []}
        for place, step in enumerate(plan.steps):
            if step.status in views:
                loaded = checkout.loaded(self.request, self.found, self.request.asked[place])
                views[step.status].append(
                    checkout_view.redeemable(
                        step,
                        None if loaded is None else loaded.row,
                        self.request.known,
                        request_id=self.ctx.request_id,
                        expand=self.expand,
                        members={},
                    )
                )
        answer.inapplicable_redeemables = views[INAPPLICABLE] or UNSET
        answer.skipped_redeemables = views[SKIPPED] or UNSET

"""What is done with a rollback: what a redemption moved goes back, and its own entry is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from largesse.actions import (
    buyers,
    checkout_bodies,
    checkout_view,
    customers,
    redemption_rows,
    redemption_view,
)
from largesse.actions.checkout_bodies import ContextBody, Text
from largesse.actions.customers import CustomerBody
from largesse.actions.orders import OrderBody
from largesse.actions.redemption_rows import Writing
from largesse.actions.redemption_view import RedemptionView, RolledBack, TierPart, VoucherPart
from largesse.engine import incentives, undoing
from largesse.engine.calendar import Clock
from largesse.engine.incentives import Incentive
from largesse.engine.orders import CANCELED, Item
from largesse.engine.receipts import Receipt
from largesse.engine.stacking import WITH_ORDER
from largesse.kit import wire
from largesse.kit.db import Row
from largesse.kit.errors import (
    AlreadyRolledBack,
    InvalidCustomer,
    InvalidOrder,
    InvalidRedemption,
    InvalidRedemptionParent,
    NotFound,
)
from largesse.kit.routing import Answered
from largesse.store import counters, definitions, orders, redeemables, redemptions
from largesse.store import customers as customer_store
from largesse.store.context import Context
from largesse.store.redeemables import Loaded, Redeemables
from largesse.store.redemptions import FAILURE, ROLLBACK, SUCCESS, Checkout, Redemption


class RollbackBody(msgspec.Struct, kw_only=True):
    """Why a redemption is rolled back; an order or a customer that is named has to be its own."""

    reason: Text | None = None
    tracking_id: Text | None = None
    customer: CustomerBody | None = None
    order: OrderBody | None = None
    metadata: dict[str, Any] | None = None


_CHILD = "You can rollback only a redemption that does not have parent redemption."
_PARENT = (
    "You can rollback only a single redemption. Use different endpoint for stacked redemption."
)


async def single(ctx: Context, redemption_id: str, body: RollbackBody) -> RedemptionView | Answered:
    """Rolls back a redemption that stands alone. One that was rolled back before is refused, and
    the refusal stored. Raises NotFound, InvalidRedemption, InvalidRedemptionParent, InvalidOrder
    and InvalidCustomer.
    """
    row = await _held(ctx, redemption_id)
    if _is_parent(row):
        raise InvalidRedemption(_PARENT)
    if row["rollback_id"] is not None:
        return await _refuse(ctx, row)
    return (await _roll_back(ctx, row, body)).rollbacks[0]


async def stacked(ctx: Context, redemption_id: str, body: RollbackBody) -> RolledBack | Answered:
    """Rolls back a parent with all of its children, or a redemption that stands alone. Raises as
    `single` does.
    """
    row = await _held(ctx, redemption_id)
    if row["rollback_id"] is not None:
        return await _refuse(ctx, row)
    return await _roll_back(ctx, row, body)


def _is_parent(row: Row) -> bool:
    return row["voucher_id"] is None and row["promotion_tier_id"] is None


async def _held(ctx: Context, redemption_id: str) -> Row:
    """The redemption, held. Raises for what cannot be rolled back at all."""
    row = await ctx.db.fetchrow(redemptions.HOLD, ctx.project_id, redemption_id)
    if row is None:
        raise NotFound.of("redemption", redemption_id)
    if row["object"] == ROLLBACK:
        raise InvalidRedemption("A rollback cannot be rolled back.")
    if row["result"] != SUCCESS:
        raise InvalidRedemption("A redemption that failed cannot be rolled back.")
    if row["parent_id"] is not None:
        raise InvalidRedemptionParent(_CHILD)
    days = ctx.settings.rollback_days
    if days and row["created_at"] < ctx.now - timedelta(days=days):
        raise InvalidRedemption(f"Redemptions cannot be rolled back after {days} days.")
    return row


async def _refuse(ctx: Context, row: Row) -> Answered:
    """Stores that a redemption was to be rolled back again."""
    undoing_ = _Undoing(ctx, row, RollbackBody(), [row])
    await undoing_.hold()
    failed = undoing_.row(row, None, ctx.new_id("rrf_"))
    failed.result, failed.failure_code = FAILURE, AlreadyRolledBack.key
    failed.failure_message = AlreadyRolledBack.message
    undoing_.tell("rollback.failed", row, failed, None, {"rollbacks": 1, "rollbacks_failed": 1})
    undoing_.writing.sum_up(row["customer_id"], redemptions_total_rollback_failed=1)
    await undoing_.writing.store()
    said = "Redemption has been already rolled back."
    problem = AlreadyRolledBack(said, resource_id=failed.id, resource_type=ROLLBACK)
    return Answered(problem.code, problem.body(ctx.request_id))


async def _roll_back(ctx: Context, row: Row, body: RollbackBody) -> RolledBack:
    parent = _is_parent(row)
    children = [row]
    if parent:
        children = await ctx.db.fetch(redemptions.CHILDREN, ctx.project_id, [row["id"]])
    undoing_ = _Undoing(ctx, row, body, children)
    await undoing_.hold()
    return await undoing_.done(parent=parent)


class _Undoing:
    """A redemption that is undone, with all that is held for it."""

    def __init__(self, ctx: Context, row: Row, body: RollbackBody, children: Sequence[Row]) -> None:
        self.ctx = ctx
        self.of = row
        self.body = body
        self.children = children
        self.order: Row | None = None
        self.customer: Mapping[str, Any] | None = None
        self.found = Redeemables()
        self.rows: dict[str, dict[str, Any]] = {}
        self.campaigns: dict[str, Loaded] = {}

    # --- holding --------------------------------------------------------------------------------

    async def hold(self) -> None:
        """Holds the order, the vouchers and the customer, in this order. Raises InvalidOrder and
        InvalidCustomer for others than the redemption's own.
        """
        ctx, row, body = self.ctx, self.of, self.body
        checkout_bodies.check_context(ctx, ContextBody(order=body.order, metadata=body.metadata))
        if row["order_id"] is not None:
            self.order = await ctx.db.fetchrow(orders.HOLD_BY_ID, ctx.project_id, row["order_id"])
        self._check_order()
        vouchers = [each["voucher_id"] for each in self.children if each["voucher_id"]]
        tiers = [each["promotion_tier_id"] for each in self.children if each["promotion_tier_id"]]
        self.found = await redeemables.hold_redeemed(ctx.db, ctx.project, vouchers, tiers, ctx.now)
        self.rows = {each.row["id"]: dict(each.row) for each in self.found.vouchers.values()}
        lost = {each["campaign_id"] for each in self.children if self._incentive(each) is None}
        self.campaigns = await redeemables.campaigns(ctx.db, ctx.project_id, sorted(lost - {None}))
        await self._hold_customer()
        self.known = await definitions.current(ctx.db, ctx.project_id)
        self.writing = Writing(ctx, self.known, self.found)
        self.tracking_id = row["tracking_id"]

    def _check_order(self) -> None:
        given = self.body.order
        name = (given.id or given.source_id) if given is not None else None
        if name and (self.order is None or name not in (self.order["id"], self.order["source_id"])):
            raise InvalidOrder("Order is not related with redemption.")

    async def _hold_customer(self) -> None:
        ctx, row, given = self.ctx, self.of, self.body.customer
        if self.order is not None and self.order["customer_id"] != row["customer_id"]:
            both = [self.order["customer_id"], row["customer_id"]]
            await ctx.db.fetch(orders.HOLD_CUSTOMERS, ctx.project_id, both)
        if given is not None and not buyers.is_told(given):
            given = None
        if given is not None:
            name = given.id or given.source_id
            known = await customer_store.find(ctx.db, ctx.project_id, name) if name else None
            if known is None and given.id:
                raise NotFound.of("customer", given.id)
            if known is None or known["id"] != row["customer_id"]:
                raise InvalidCustomer("Customer is not related with redemption.")
            self.customer = await customers.mention(ctx, given)
        elif row["customer_id"] is not None:
            self.customer = await customer_store.hold(ctx.db, ctx.project_id, row["customer_id"])
        names = (None, row["tracking_id"], self.customer and self.customer["source_id"])
        if self.body.tracking_id not in names:
            raise InvalidCustomer("Customer is not related with redemption.")

    # --- undoing --------------------------------------------------------------------------------

    async def done(self, *, parent: bool) -> RolledBack:
        ctx = self.ctx
        ids = {each["id"]: ctx.new_id("rr_") for each in self.children}
        parent_id = ctx.new_id("rr_") if parent else None
        order = self._undo_order(ids, parent_id)
        raw = None if order is None else msgspec.Raw(wire.encode(order))
        await self._count_back()
        views = [self._child(each, ids[each["id"]], parent_id, raw) for each in self.children]
        answer = RolledBack(rollbacks=views)
        if order is not None:
            answer.order = order
        if parent_id is not None:
            written = self.row(self.of, None, parent_id, raw)
            answer.parent_rollback = redemption_view.view(written, self.customer, None, raw)
            ids[self.of["id"]] = parent_id
        undone = await ctx.db.fetch(
            redemptions.ROLL_BACK, ctx.project_id, list(ids), list(ids.values())
        )
        assert len(undone) == len(ids), "a redemption that is held was rolled back meanwhile"
        await self.writing.store()
        return answer

    def _child(
        self, of: Row, id_: str, parent_id: str | None, order: msgspec.Raw | None
    ) -> RedemptionView:
        written = self.row(of, parent_id, id_, order)
        written.order_amount, written.discount_amount = -of["order_amount"], -of["discount_amount"]
        returned = of["amount"] or 0
        written.amount = None if of["amount"] is None else -returned
        voucher = self.rows.get(of["voucher_id"] or "")
        # One that is deleted for good gets nothing back; the order and the customer do.
        if voucher is not None:
            voucher["redeemed_quantity"] -= 1
            voucher["redeemed_amount"] -= returned
            self.writing.spend(of["voucher_id"], -1, -returned)
            if of["amount"] is not None:
                related = None
                if self.order is not None:
                    related = {name: self.order[name] for name in ("id", "source_id")}
                self.writing.entries.append(
                    redemption_rows.entry(self.ctx, voucher, returned, of["id"], related, id_)
                )
                if voucher["holder_id"] == of["customer_id"]:
                    self.writing.sum_up(of["customer_id"], gift_amount_to_go=returned)
        self.writing.sum_up(
            of["customer_id"],
            redemptions_total_redeemed=-1,
            redemptions_total_rolled_back=1,
            redemptions_total_rollback_succeeded=1,
            gift_redeemed_amount=-returned,
        )
        measures = {
            "rollbacks": 1,
            "rollbacks_succeeded": 1,
            "orders_rolledback_amount": of["order_amount"],
            "rolledback_discounted_amount": of["discount_amount"],
            "amount_rolledback": returned,
            "tier.redeemed": -1,
            "tier.orders_amount": -of["order_amount"],
            "tier.discounted_amount": -of["discount_amount"],
        }
        return self.tell("rollback.succeeded", of, written, order, measures)

    async def _count_back(self) -> None:
        """Moves back what it added to counters, as the rules are now; units as they were."""
        ctx, zone = self.ctx, ZoneInfo(self.ctx.project.timezone)
        found: list[incentives.Tally] = []
        for of in self.children:
            sums = {
                "redemptions": 1,
                "orders_amount": of["order_amount"],
                "amount_discounted": of["discount_amount"],
                "gift_amount": of["amount"] or 0,
            }
            if (incentive := self._incentive(of)) is not None:
                subjects = incentive.subjects(of["customer_id"], of["channel_id"])
                clock, week = Clock(of["created_at"], zone), ctx.settings.week_starts_on
                for _, tally in incentives.tallies(incentive, subjects, clock, week):
                    self.writing.count({tally.key: sums[tally.counter.measure]}, -1)
                    found.append(tally)
            if of["counted"] is not None:
                self.writing.count(msgspec.json.decode(bytes(of["counted"])), -1)
        await counters.hold_back(ctx.db, ctx.project_id, self.writing.counted, found, zone, ctx.now)

    def _incentive(self, of: Row) -> Incentive | None:
        """What was redeemed; where it is deleted for good, as its campaign still counts it."""
        tier_id, voucher_id = of["promotion_tier_id"], of["voucher_id"]
        found = self.found.tiers.get(tier_id) if tier_id else self.found.vouchers.get(voucher_id)
        campaign = self.campaigns.get(of["campaign_id"])
        if found is not None or campaign is None:
            return None if found is None else found.incentive
        kind = incentives.PROMOTION_TIER if tier_id else incentives.VOUCHER
        return msgspec.structs.replace(campaign.incentive, id=tier_id or voucher_id, object=kind)

    # --- the order ------------------------------------------------------------------------------

    def _undo_order(
        self, ids: Mapping[str, str], parent_id: str | None
    ) -> checkout_view.OrderView | None:
        """The order without what the redemption did to it; with its status and discounts as they
        are, where the stacking rules say that orders stay.
        """
        row = self.order
        if row is None:
            return None
        ctx, now = self.ctx, wire.stamp(self.ctx.now)
        told = {} if row["redemptions"] is None else msgspec.json.decode(bytes(row["redemptions"]))
        entry = told.setdefault(self.of["id"], {})
        entry |= {"rollback_id": parent_id or ids[self.of["id"]], "rollback_date": now}
        if parent_id is not None:
            entry["rollback_stacked"] = list(ids.values())
        members = checkout_view.stored(row) | {"updated_at": now, "redemptions": told}
        undone = undoing.kept(
            msgspec.json.decode(bytes(row["items"]), type=list[Item]),
            {name: row[name] or 0 for name in (*orders.AMOUNTS, *orders.APPLIED)},
        )
        if self.known.stacking.redeemables_rollback_order_mode == WITH_ORDER:
            members["status"] = CANCELED
            undone = undoing.undone(undone, _applied(self.of))
        view = checkout_view.order(undone, **members)
        self._write(row, undone, members)
        for told_ in redemption_rows.order_events(
            row["status"],
            members["status"],
            self.customer if row["customer_id"] == self.of["customer_id"] else None,
            msgspec.Raw(wire.encode(view)),
            row["referrer_id"],
        ):
            self.writing.tell(ctx, told_)
        return view

    def _write(self, row: Row, undone: Receipt, members: Mapping[str, Any]) -> None:
        sums = msgspec.structs.asdict(undone)
        items, initial = sums.pop("items"), sums.pop("initial_amount")
        self.writing.order(
            row,
            Checkout(
                id=row["id"],
                source_id=row["source_id"],
                status=members["status"],
                customer_id=row["customer_id"],
                referrer_id=row["referrer_id"],
                initial_amount=initial or None,
                items=wire.encode(items).decode(),
                metadata=bytes(row["metadata"]).decode(),
                redemptions=wire.encode(members["redemptions"]).decode(),
                **sums,
            ),
        )

    # --- rows and events ------------------------------------------------------------------------

    def row(
        self, of: Row, parent_id: str | None, id_: str, order: msgspec.Raw | None = None
    ) -> Redemption:
        """The entry of a rollback of one redemption."""
        metadata = self.body.metadata
        row = Redemption(
            id=id_,
            object=ROLLBACK,
            parent_id=parent_id,
            redemption_id=of["id"],
            voucher_id=of["voucher_id"],
            voucher_code=of["voucher_code"],
            promotion_tier_id=of["promotion_tier_id"],
            campaign_id=of["campaign_id"],
            customer_id=of["customer_id"],
            tracking_id=self.tracking_id,
            order_id=of["order_id"] if order is not None else None,
            order=None if order is None else bytes(order).decode(),
            metadata=wire.encode(metadata).decode() if metadata else None,
            reason=self.body.reason,
            channel_id=self.ctx.principal.key_id if self.ctx.principal else None,
            created_at=self.ctx.now,
        )
        self.writing.rows.append(row)
        return row

    def tell(
        self,
        happened: str,
        of: Row,
        written: Redemption,
        order: msgspec.Raw | None,
        measures: Mapping[str, int],
    ) -> RedemptionView:
        """The rollback as it is answered; that it happened is told."""
        source, part = self._part(of)
        view = redemption_view.view(written, self.customer, part, order)
        customer = self.customer
        parts = {
            "customer": None if customer is None else customers.simple(customer),
            "order": order,
            "campaign": redemption_rows.campaign_of(source),
            "voucher": part if isinstance(part, VoucherPart) else None,
            "holder": None,
            "promotion_tier": part if isinstance(part, TierPart) else None,
            "redemption": redemption_view.view(redemptions.of(of), customer, part, of["order"]),
            "created_at": wire.stamp(self.ctx.now),
        }
        campaign = redemption_rows.campaign_of(source)
        event = redemption_rows.event(self.ctx, happened, view, parts, written, campaign, measures)
        self.writing.tell(self.ctx, event)
        return view

    def _part(self, of: Row) -> tuple[Mapping[str, Any] | None, VoucherPart | TierPart | None]:
        voucher = self.rows.get(of["voucher_id"] or "")
        if voucher is not None:
            if voucher["gone"]:
                return voucher, None
            return voucher, redemption_view.voucher(voucher, self.known, ("redeemable",))
        tier = self.found.tiers.get(of["promotion_tier_id"] or "")
        if tier is None:
            campaign = self.campaigns.get(of["campaign_id"])
            return (None if campaign is None else campaign.row), None
        return tier.row, redemption_view.tier(tier.row, self.known, ("redeemable",))


def _applied(row: Row) -> Any:
    """The order as the redemption left it."""
    return None if row["order"] is None else msgspec.json.decode(bytes(row["order"]))

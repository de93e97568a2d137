"""A shop's random life over HTTP: whatever happens, the server does what the model says, and after
every step all its sums are what a recount finds.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import httpx

from tests.races.load import Session, database_url
from tests.redeeming import (
    body,
    campaign,
    coupon,
    faults,
    gift_card,
    limited,
    read,
    refusal,
    said,
    stacking,
    tier_of,
)
from tests.running import Shop
from tests.simulation.model import Campaign, Done, Limit, Model, Order, Part, Thing, adds

# Every stored number that a redemption may move.
NUMBERS = """
SELECT 'used of ' || code, redeemed_quantity FROM vouchers WHERE project_id = $1
UNION ALL
SELECT 'spent of ' || code, redeemed_amount FROM vouchers WHERE project_id = $1
UNION ALL
SELECT 'lock ' || key || ' of ' || voucher_id, 1 + amount FROM sessions WHERE project_id = $1
UNION ALL
SELECT sums.name || ' of ' || source_id, n FROM customers, LATERAL (VALUES
    ('redeemed', redemptions_total_redeemed), ('succeeded', redemptions_total_succeeded),
    ('failed', redemptions_total_failed), ('rolled back', redemptions_total_rolled_back),
    ('rollbacks', redemptions_total_rollback_succeeded),
    ('failed rollbacks', redemptions_total_rollback_failed),
    ('gifts', gift_redeemed_amount), ('orders', orders_total_count),
    ('paid', orders_total_amount)) AS sums (name, n)
WHERE project_id = $1
"""
VOUCHERS = """
SELECT code, redeemed_quantity, amount - subtracted_amount - redeemed_amount FROM vouchers
WHERE project_id = $1 AND deleted_at IS NULL
"""
CUSTOMERS = "SELECT source_id, redemptions_total_redeemed FROM customers WHERE project_id = $1"
ORDERS = """
SELECT orders.source_id, amount, total_discount_amount, customers.source_id FROM orders
    LEFT JOIN customers ON customers.project_id = $1 AND customers.id = customer_id
WHERE orders.project_id = $1 AND orders.source_id IS NOT NULL
"""
# What rollbacks do not take back, and redemptions that fail add to.
ONE_WAY = ("succeeded", "failed", "rolled back", "rollbacks", "failed rollbacks")
OF_ORDERS = ("orders", "paid")

WEIGHTS = {
    "new_coupon": 4,
    "new_card": 2,
    "new_campaign": 1,
    "new_tier": 1,
    "new_limit": 1,
    "fill_card": 1,
    "validate": 8,
    "lock": 6,
    "release": 2,
    "redeem": 30,
    "redeem_locked": 6,
    "roll_back": 14,
    "roll_back_again": 2,
    "switch": 3,
    "switch_campaign": 1,
    "delete": 1,
}


class Life:
    """One life, drawn from a seed. `story` tells what was asked for, a line a step."""

    def __init__(self, shop: Shop, seed: int) -> None:
        self.shop = shop
        self.chance = random.Random(seed)
        self.model = Model()
        self.session = Session(database_url(shop.server))
        self.story: list[str] = []
        self.names = 0
        self.sessions: list[tuple[str, list[Part]]] = []
        self.partial = seed % 3 == 0
        if self.partial:
            stacking(shop, redeemables_application_mode="PARTIAL")
        for name in ("ann", "bob", "cid"):
            said(shop.api.post("/v1/customers", json={"source_id": name}))
            self.model.customers[name] = 0
        self.numbers = self._numbers()
        for start in ("new_campaign", "new_coupon", "new_coupon", "new_card", "new_tier"):
            getattr(self, start)()

    def __enter__(self) -> Life:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.session.__exit__(*exception)

    def step(self) -> None:
        """Does something, and looks whether all is well."""
        word = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        self.story.append(word)
        getattr(self, word)()
        self.look()

    # --- what is there --------------------------------------------------------------------------

    def _name(self, kind: str) -> str:
        self.names += 1
        return f"{kind}{self.names}"

    def _limits(self, campaign_too: bool, **of: str) -> list[Limit]:
        """A limit or none, assigned to something new."""
        kinds = [("redemption.count.per_customer", Limit(self.chance.randint(1, 4), each=True))]
        if campaign_too:
            kinds = [
                ("campaign.redemptions.count", Limit(self.chance.randint(3, 25))),
                (
                    "campaign.redemptions.customers_count",
                    Limit(self.chance.randint(2, 9), each=True),
                ),
                (
                    "campaign.orders.amount_discounted",
                    Limit(self.chance.randint(5, 60) * 100, of_amounts=True),
                ),
            ]
        found = []
        for name, limit in kinds:
            if self.chance.random() < 0.35:
                limited(self.shop, name, limit.most, **of)
                found.append(limit)
        return found

    def _campaign(self, share: float = 0.5) -> Campaign | None:
        known = [one for one in self.model.campaigns.values() if one.name.startswith("camp")]
        return self.chance.choice(known) if known and self.chance.random() < share else None

    def new_campaign(self) -> None:
        name = self._name("camp")
        made = Campaign(name, campaign(self.shop, name))
        made.limits = self._limits(True, campaign=name)
        self.model.campaigns[name] = made

    def new_coupon(self) -> None:
        thing = Thing(self._name("k"), "coupon", self._campaign())
        thing.limit = self.chance.choice([None, 1, 2, 3, 8])
        more: dict[str, Any] = {} if thing.campaign is None else {"campaign": thing.campaign.name}
        if self.chance.random() < 0.4:
            thing.percent = self.chance.randint(1, 60)
            more["discount"] = {"type": "PERCENT", "percent_off": thing.percent}
        else:
            thing.off = self.chance.randint(1, 900)
        coupon(self.shop, thing.name, thing.off, limit=thing.limit, **more)
        thing.limits = self._limits(False, voucher=thing.name)
        self.model.things[thing.name] = thing

    def new_card(self) -> None:
        thing = Thing(self._name("g"), "gift", balance=self.chance.randint(1, 40) * 100)
        thing.limit = self.chance.choice([None, None, 5])
        quantity = {"redemption": {"quantity": thing.limit}}
        gift_card(self.shop, thing.name, thing.balance, **quantity)
        thing.limits = self._limits(False, voucher=thing.name)
        self.model.things[thing.name] = thing

    def new_tier(self) -> None:
        name, off = self._name("promo"), self.chance.randint(1, 500)
        id_ = tier_of(self.shop, name, off)
        of = Campaign(name, said(self.shop.api.get(f"/v1/campaigns/{name}"))["id"])
        of.limits = self._limits(True, campaign=name)
        self.model.campaigns[name] = of
        thing = Thing(id_, "tier", of, off=off)
        thing.limits = self._limits(False, promotion_tier=id_)
        self.model.things[id_] = thing

    def new_limit(self) -> None:
        """On something that may have been redeemed before: that counts."""
        thing = self.chance.choice(self._living())
        kind = "promotion_tier" if thing.kind == "tier" else "voucher"
        for limit in self._limits(False, **{kind: thing.name}):
            for done in self.model.standing():
                for part in done.parts:
                    if part.thing is thing:
                        limit.sums[limit.whose(done.customer)] += adds(limit, part)
            thing.limits.append(limit)

    def fill_card(self) -> None:
        cards = [one for one in self._living() if one.kind == "gift"]
        if cards:
            card, amount = self.chance.choice(cards), self.chance.randint(1, 1000)
            path = f"/v1/vouchers/{card.name}/balance"
            said(self.shop.api.post(path, json={"amount": amount}))
            card.balance += amount

    def switch(self) -> None:
        thing = self.chance.choice(self._living())
        word = "disable" if thing.active else "enable"
        kind = "promotions/tiers" if thing.kind == "tier" else "vouchers"
        said(self.shop.api.post(f"/v1/{kind}/{thing.name}/{word}"))
        thing.active = not thing.active

    def switch_campaign(self) -> None:
        of = self.chance.choice(list(self.model.campaigns.values()))
        said(self.shop.api.post(f"/v1/campaigns/{of.id}/{'disable' if of.active else 'enable'}"))
        of.active = not of.active

    def delete(self) -> None:
        vouchers = [one for one in self._living() if one.kind != "tier"]
        if len(vouchers) > 6:
            thing = self.chance.choice(vouchers)
            force = {"force": self.chance.random() < 0.5}
            answer = self.shop.api.delete(f"/v1/vouchers/{thing.name}", params=force)
            assert answer.status_code == 204, answer.text
            thing.gone = True

    def _living(self) -> list[Thing]:
        return [thing for thing in self.model.things.values() if not thing.gone]

    # --- asking ---------------------------------------------------------------------------------

    def _parts(self) -> list[Part]:
        """Some things to redeem; now and then one that is gone."""
        known = self._living()
        if self.chance.random() < 0.03 and not self.partial:
            known = list(self.model.things.values())
        count = min(len(known), self.chance.choice([1, 1, 1, 2, 3, 4]))
        return [
            Part(thing, self.chance.randint(1, 900) if thing.kind == "gift" else 0)
            for thing in self.chance.sample(known, count)
        ]

    def _cart(self, *, new: bool = False) -> tuple[str, Order, dict[str, Any]]:
        """The order of a request: a new one, or one that is there already; its source id, what the
        model knows of it, and how it is sent.
        """
        known = [name for name, order in self.model.orders.items() if not order.canceled]
        if known and not new and self.chance.random() < 0.2:
            name = self.chance.choice(known)
            # What is stored decides, so that what is sent need not be true.
            return name, self.model.orders[name], {"source_id": name, "amount": 1}
        name, customer = self._name("o"), self.chance.choice([None, "ann", "ann", "bob", "cid"])
        if self.chance.random() < 0.4:
            lines = [
                {"quantity": self.chance.randint(1, 3), "price": self.chance.randint(1, 700)}
                for _ in range(self.chance.randint(1, 3))
            ]
            amount = sum(line["quantity"] * line["price"] for line in lines)
            return name, Order(amount, customer), {"source_id": name, "items": lines}
        amount = self.chance.randint(1, 3000)
        return name, Order(amount, customer), {"source_id": name, "amount": amount}

    def _ask(
        self, path: str, parts: Sequence[Part], order: Order, sent: Any, **more: Any
    ) -> httpx.Response:
        if order.customer is not None:
            more["customer"] = order.customer
        named: list[str | tuple[str, int]] = [
            (part.thing.name, part.credits) if part.thing.kind == "gift" else part.thing.name
            for part in parts
        ]
        asked = body(*named, order=sent, **more)
        self.story[-1:] = [f"{path} {asked}"]
        answer = self.shop.api.post(path, json=asked)
        assert answer.status_code < 500, answer.text
        return answer

    def validate(self) -> None:
        parts, (_, order, sent) = self._parts(), self._cart()
        answer = self._ask("/v1/validations", parts, order, sent)
        self._compare_validation(answer, parts, order, None)
        assert not self._moved(), "a validation changed something"

    def lock(self) -> None:
        parts, (_, order, sent) = self._parts(), self._cart(new=True)
        key = self._name("ssn")
        session = {"type": "LOCK", "key": key, "ttl": 7, "ttl_unit": "DAYS"}
        answer = self._ask("/v1/validations", parts, order, sent, session=session)
        applied = self._compare_validation(answer, parts, order, key)
        moved = self._moved()
        assert all(name.startswith(f"lock {key} of ") for name in moved), moved
        if applied:
            for part in applied:
                part.thing.locks[key] = part.takes if part.thing.kind == "gift" else 0
            self.sessions.append((key, parts))
        else:
            assert not moved, "a refused validation has locked something"

    def _compare_validation(
        self, answer: httpx.Response, parts: list[Part], order: Order, key: str | None
    ) -> list[Part]:
        """Holds a validation against the model; the parts that apply."""
        found = said(answer)
        due = order.amount - order.taken
        applied, why = self.model.decide(parts, due, order.customer, key, partial=self.partial)
        assert found["valid"] is bool(applied), f"{found}, the model: {applied} {why}"
        if not applied:
            assert refusal(found) in why, f"{refusal(found)} is not of {why}"
            return []
        takes = sum(part.takes for part in applied)
        assert found["order"].get("total_applied_discount_amount", 0) == takes
        assert found["order"]["total_amount"] == due - takes
        return applied

    def release(self) -> None:
        if self.sessions:
            key, parts = self.sessions.pop(self.chance.randrange(len(self.sessions)))
            for part in parts:
                if part.thing.kind != "tier" and not part.thing.gone:
                    held = key in part.thing.locks
                    path = f"/v1/vouchers/{part.thing.name}/sessions/{key}"
                    answer = self.shop.api.delete(path)
                    assert (answer.status_code == 204) is held, answer.text
            self.model.release(key)
            moved = self._moved()
            assert all(name.startswith("lock ") and n < 0 for name, n in moved.items()), moved

    # --- redeeming ------------------------------------------------------------------------------

    def redeem(self) -> None:
        self._redeem(self._parts(), None)

    def redeem_locked(self) -> None:
        if self.sessions:
            session = self.chance.choice(self.sessions)
            key, parts = session
            if self._redeem([Part(part.thing, part.credits) for part in parts], key):
                self.sessions.remove(session)

    def _redeem(self, parts: list[Part], key: str | None) -> bool:
        """Redeems, and holds what comes of it against the model; whether it succeeded."""
        name, order, sent = self._cart()
        due = order.amount - order.taken
        applied, why = self.model.decide(parts, due, order.customer, key, partial=self.partial)
        session = {} if key is None else {"session": {"type": "LOCK", "key": key}}
        answer = self._ask("/v1/redemptions", parts, order, sent, **session)
        if applied:
            self._note(name, order, applied, said(answer), key)
            return True
        assert answer.status_code in (400, 404), f"the model refuses: {why}"
        assert answer.json()["key"] in why, f"the model: {why}, the server: {answer.text}"
        self._nothing_but("failed")
        return False

    def _note(
        self, name: str, order: Order, applied: list[Part], found: dict[str, Any], key: str | None
    ) -> None:
        """Holds a redemption against the model, and counts it there."""
        redemptions = found["redemptions"]
        names = [_of(one) for one in redemptions]
        assert names == [part.thing.name for part in applied], f"{names}, the model: {applied}"
        assert all(one["result"] == "SUCCESS" for one in redemptions)
        takes = sum(part.takes for part in applied)
        order.taken += takes
        assert found["order"].get("total_applied_discount_amount", 0) == takes
        assert found["order"].get("total_discount_amount", 0) == order.taken
        assert found["order"]["total_amount"] == order.amount - order.taken
        for part, one in zip(applied, redemptions, strict=True):
            assert one["order"].get("total_applied_discount_amount", 0) == part.takes
            assert part.thing.kind != "gift" or one["amount"] == part.takes
        self.model.orders[name] = order
        of = found.get("parent_redemption", redemptions[0])
        done = Done(of["id"], applied, order.customer, name)
        self.model.count(done, 1)
        self.model.release(key)
        self.model.done.append(done)
        moved = self._moved()
        done.moved = {name: n for name, n in moved.items() if not name.startswith("lock ")}

    # --- rolling back ---------------------------------------------------------------------------

    def roll_back(self) -> None:
        standing = list(self.model.standing())
        if not standing:
            return
        done = self.chance.choice(standing[-12:])
        alone = len(done.parts) == 1 and self.chance.random() < 0.5
        path = f"/v1/redemptions/{done.id}/{'rollback' if alone else 'rollbacks'}"
        self.story.append(path)
        answer = self.shop.api.post(path, json={})
        assert answer.status_code < 500, answer.text
        if any(part.thing.gone for part in done.parts) and answer.status_code >= 400:
            self._nothing_but("failed rollbacks")
            return
        said(answer)
        self._undo(done)

    def _undo(self, done: Done) -> None:
        """Everything goes back, and the rollback has its own counters."""
        done.undone = True
        self.model.count(done, -1)
        assert done.order is not None
        order = self.model.orders[done.order]
        rest = [one for one in self.model.standing() if one.order == done.order]
        order.taken -= sum(part.takes for part in done.parts)
        order.canceled = True
        moved = self._moved()
        # What is gone has no row any more, or one that nobody reads.
        gone = {part.thing.name for part in done.parts if part.thing.gone}
        net = {
            name: n
            for name, n in done.moved.items()
            if not _is(name, ONE_WAY) and name.partition(" of ")[2] not in gone
        }
        if rest or any(one.order == done.order for one in self.model.done if one is not done):
            net = {name: n for name, n in net.items() if not _is(name, OF_ORDERS)}
            moved = {name: n for name, n in moved.items() if not _is(name, OF_ORDERS)}
        expected = Counter({name: -n for name, n in net.items()})
        if done.customer is not None:
            for word in ("rolled back", "rollbacks"):
                expected[f"{word} of {done.customer}"] = len(done.parts)
        found = {n: v for n, v in moved.items() if n.partition(" of ")[2] not in gone}
        assert found == {n: v for n, v in expected.items() if v}, f"{found}, not {expected}"

    def roll_back_again(self) -> None:
        undone = [done for done in self.model.done if done.undone]
        if undone:
            path = f"/v1/redemptions/{self.chance.choice(undone).id}/rollbacks"
            self.story.append(path)
            answer = self.shop.api.post(path, json={})
            assert answer.status_code in (400, 404), answer.text
            self._nothing_but("failed rollbacks")

    # --- looking --------------------------------------------------------------------------------

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        return self.session.rows(statement, self.shop.id)

    def _numbers(self) -> Counter[str]:
        return Counter({name: n for name, n in self._rows(NUMBERS) if n})

    def _moved(self) -> dict[str, int]:
        """By how much every stored number has moved since this was asked last."""
        before, self.numbers = self.numbers, self._numbers()
        names = [*before, *(name for name in self.numbers if name not in before)]
        moved = {name: self.numbers[name] - before[name] for name in names}
        return {name: n for name, n in moved.items() if n}

    def _nothing_but(self, word: str) -> None:
        moved = self._moved()
        assert all(name.startswith(f"{word} of ") for name in moved), f"it failed, and {moved}"

    def look(self) -> None:
        """The server's sums against its own rows, and against the model."""
        faults(self._rows)
        stored = {code: numbers for code, *numbers in self._rows(VOUCHERS)}
        for thing in self._living():
            if thing.kind != "tier":
                own = [thing.used, thing.balance]
                assert stored[thing.name] == own, f"{thing.name}: {stored[thing.name]}, not {own}"
        for source_id, *numbers in self._rows(ORDERS):
            order = self.model.orders[source_id]
            if not order.canceled:
                assert numbers == [order.amount, order.taken, order.customer], source_id
        assert dict(self._rows(CUSTOMERS)) == self.model.customers
        self._look_at_one()
        self._moved()

    def _look_at_one(self) -> None:
        """One voucher as it is answered."""
        vouchers = [one for one in self._living() if one.kind != "tier"]
        if vouchers:
            thing = self.chance.choice(vouchers)
            found = read(self.shop, thing.name)
            assert found["redemption"]["redeemed_quantity"] == thing.used
            assert thing.kind != "gift" or found["gift"]["balance"] == thing.balance


def _of(redemption: dict[str, Any]) -> str:
    """The code or the id of what was redeemed."""
    voucher = redemption.get("voucher")
    name: str = voucher["code"] if voucher else redemption["promotion_tier"]["id"]
    return name


def _is(name: str, words: Sequence[str]) -> bool:
    return any(name.startswith(f"{word} of ") for word in words)

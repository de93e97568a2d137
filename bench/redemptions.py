"""Validations and redemptions: spread over many vouchers against pgbench, and all of one voucher
against a bare hot row; and how many statements a redemption takes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import httpx
import msgspec

from bench.bulk import asked
from bench.checkout import (
    BODIES,
    REDEEM,
    VALIDATE,
    VALIDATE_FIVE,
    check_answers,
    check_books,
    check_validations,
    compared,
    known,
    open_shop,
    requests,
)
from bench.commerce import CUSTOMERS
from bench.customers import raw
from bench.harness import Goal, Measured, Plan, Report, bench, in_turns, median, ratio, share
from bench.load import FIRST_KEY
from bench.promotions import DISCOUNT
from bench.replay import Script, recorded
from bench.sides import (
    CONNECTIONS,
    PROJECT_ID,
    Database,
    Failed,
    Http,
    Pgbench,
    largesse,
    place,
    request,
    web_of,
)
from largesse.actions import redeem, validate
from largesse.actions.checkout_bodies import CheckoutBody
from largesse.store.context import Context
from tests.running import FIRST, Server

OF_PGBENCH = 0.25
ONE, TWO, PGBENCH = "1 worker", "2 workers", "pgbench"

Act = Callable[[Context, bytes], Awaitable[None]]


def read(sent: bytes) -> CheckoutBody:
    return msgspec.json.decode(sent, type=CheckoutBody)


async def make(ctx: Context, sent: bytes) -> None:
    answer = await redeem.redeem(ctx, read(sent))
    if not isinstance(answer, redeem.Redeemed):
        raise Failed(f"refused: {answer}")


async def judge(ctx: Context, sent: bytes) -> None:
    answer = await validate.validate(ctx, read(sent))
    if not answer.valid:
        raise Failed(f"not valid: {answer}")


# --- spread over many vouchers ------------------------------------------------------------------


def scripts(database: Database) -> dict[str, Script]:
    """What each request says to the database."""
    customer_id = database.say(f"SELECT id FROM customers WHERE source_id = '{FIRST_KEY}'")
    named = {customer_id: "'cust_' || left(md5(:key::text), 24)"}
    rows = database.say(f"SELECT id, left(code, 1) FROM vouchers WHERE code ~ '-{FIRST_KEY}$'")
    for row in rows.splitlines():
        id_, letter = row.split("|")
        named[id_] = f"'v_' || md5('{letter}-' || :key::text)"
    return {
        operation: asyncio.run(
            recorded(
                database.url(),
                sent,
                make if operation == REDEEM else judge,
                existing=CUSTOMERS,
                named=named,
                writes=operation == REDEEM,
            )
        )
        for operation, sent in BODIES.items()
    }


@bench("redemptions")
def spread(plan: Plan) -> Report:
    """One code validated, five stacked codes validated, one code redeemed: each for an order of
    three lines that the catalogue knows, of a customer who exists; 10,000 customers, each with
    codes of their own, of one campaign. The server with one and two web workers, and pgbench with
    the statements of such a request.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        one = stack.enter_context(largesse(folder / "one", database.url(), 1))
        two = stack.enter_context(largesse(folder / "two", database.url(), 2))
        open_shop(database, one.url)
        check_answers(one.url)
        told = scripts(database)
        sent = requests()
        servers = [served(ONE, one, database, sent), served(TWO, two, database, sent)]
        # Variables of different scripts have the same names, so each has a pgbench of its own.
        replays = Replays(PGBENCH, database, told)
        found = in_turns([*servers, replays], list(BODIES), plan)
        done = {name: sum(server.done[name] for server in servers) + 1 for name in BODIES}
        check_validations(database, done[VALIDATE] + done[VALIDATE_FIVE])
        check_books(database, one.url, done[REDEEM], replays.done(REDEEM))
    report = Report(raw=raw(found))
    for operation, script in told.items():
        title = f"{operation}, {CONNECTIONS} connections"
        report.table(title, *compared(found, operation, (ONE, TWO, PGBENCH), PGBENCH))
        where = "between BEGIN and COMMIT" if operation == REDEEM else "without a transaction"
        report.lines += [f"{script.statements} statements {where}.", ""]
    most = max(ratio(found[REDEEM, name], found[REDEEM, PGBENCH]) for name in (ONE, TWO))
    wanted = f"a redemption at least {share(OF_PGBENCH)} of pgbench"
    report.goals.append(Goal(wanted, share(most), most >= OF_PGBENCH))
    return report


def served(name: str, server: Server, database: Database, sent: Mapping[str, Any]) -> Http:
    port = int(server.settings["port"])
    return Http(name, port, web_of(server), database, sent, CUSTOMERS)


class Replays:
    """pgbench with the statements of each operation."""

    def __init__(self, name: str, database: Database, told: Mapping[str, Script]) -> None:
        self.name = name
        self._sides = {
            operation: Pgbench(name, database, {operation: [script.text]}, script.variables)
            for operation, script in told.items()
        }

    def measure(self, operation: str, seconds: int) -> Any:
        return self._sides[operation].measure(operation, seconds)

    def done(self, operation: str) -> int:
        return self._sides[operation].done[operation]


# --- one voucher --------------------------------------------------------------------------------

HOT = "hot"
OF_HOT_ROW, TIMES_SINGLE = 0.5, 2.0
HOT_CLIENTS = 16
HOT_ROW = "a bare hot row"
UNLIMITED = {"type": "DISCOUNT_VOUCHER", "discount": DISCOUNT, "redemption": {"quantity": None}}
HOT_TABLE = """
CREATE TABLE bare_limits (project_id text, id text, lim bigint, n bigint NOT NULL,
    PRIMARY KEY (project_id, id))
"""
MOVE = """UPDATE bare_limits SET n = n + 1
WHERE project_id = :project AND id = :id AND (lim IS NULL OR n < lim);
"""
GROUPED, SINGLE = "grouped", "single"


@bench("redemptions-hot")
def hot(plan: Plan) -> Report:
    """One code without a limit, redeemed by all, without a customer and without an order: with
    requests that wait for the same code in a process stored together, and each on its own; beside
    one UPDATE of one row, each its own transaction, by 16 clients of pgbench.
    """
    sent = {REDEEM: request("POST", "/v1/redemptions", {"redeemables": [_code(HOT)]})}
    kinds = {
        (kind, workers): f"{kind}, {workers}" for kind in (GROUPED, SINGLE) for workers in "12"
    }
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        servers = {}
        for (kind, workers), name in kinds.items():
            grouping = {"group_redemptions": "true" if kind == GROUPED else "false"}
            own = folder / f"{kind}-{workers}"
            server = largesse(own, database.url(), int(workers), **grouping)
            servers[name] = stack.enter_context(server)
        url = servers[kinds[GROUPED, "1"]].url
        asked("POST", f"{url}/v1/vouchers/{HOT}", json=UNLIMITED)
        database.say(HOT_TABLE)
        database.say(f"INSERT INTO bare_limits VALUES ('{PROJECT_ID}', '{HOT}', NULL, 0)")
        variables = {"project": PROJECT_ID, "id": HOT}
        bare = Pgbench(HOT_ROW, database, {REDEEM: [MOVE]}, variables, HOT_CLIENTS)
        sides = [served(name, server, database, sent) for name, server in servers.items()]
        found = in_turns([*sides, bare], (REDEEM,), plan)
        check_books(database, url, sum(side.done[REDEEM] for side in sides))
        if (moved := database.say("SELECT n FROM bare_limits")) != str(bare.done[REDEEM]):
            raise Failed(f"{moved} of {bare.done[REDEEM]} updates of the bare row are there")
    report = Report(raw=raw(found))
    title = f"{REDEEM} of one voucher, by how many web workers, {CONNECTIONS} connections"
    report.table(title, *compared(found, REDEEM, [*kinds.values(), HOT_ROW], HOT_ROW))
    report.goals += hot_goals(found, kinds)
    return report


def hot_goals(found: Measured, kinds: Mapping[tuple[str, str], str]) -> list[Goal]:
    """Of each kind the better number of workers."""

    def best(kind: str) -> Any:
        of_kind = [found[REDEEM, name] for (each, _), name in kinds.items() if each == kind]
        return max(of_kind, key=lambda figures: median(figures, "rate") or 0.0)

    of_row = ratio(best(GROUPED), found[REDEEM, HOT_ROW])
    times = ratio(best(GROUPED), best(SINGLE))
    return [
        Goal(f"at least {share(OF_HOT_ROW)} of {HOT_ROW}", share(of_row), of_row >= OF_HOT_ROW),
        Goal(
            f"grouped at least {TIMES_SINGLE:g} times single",
            f"{times:.2f} times",
            times >= TIMES_SINGLE,
        ),
    ]


# --- statements ---------------------------------------------------------------------------------

COUNTS = (1, 2, 5, 10, 30)
ALL_APPLY = {"redeemables_limit": 30, "applicable_redeemables_limit": 30}
PER_CUSTOMER = {
    "1": {"name": "redemption.count.per_customer", "conditions": {"$less_than_or_equal": [1000]}},
    "logic": "1",
}
CENT = {"type": "AMOUNT", "amount_off": 1, "effect": "APPLY_TO_ORDER"}
# What is redeemed together: plain codes, gift cards, and codes of as many campaigns with a limit
# for each customer, whose counters are opened by the first redemption.
COUPON = {"type": "DISCOUNT_VOUCHER", "discount": CENT, "redemption": {"quantity": 1000}}
CARD = {
    "type": "GIFT_VOUCHER",
    "gift": {"amount": 100, "effect": "APPLY_TO_ORDER"},
    "redemption": {"quantity": 1000},
}
LIMITED = "limited codes"
TOGETHER = {"codes": COUPON, "gift cards": CARD, LIMITED: COUPON}


def _code(code: str, credits: int | None = None) -> dict[str, Any]:
    gift = {} if credits is None else {"gift": {"credits": credits}}
    return {"object": "voucher", "id": code, **gift}


def prepare(url: str) -> None:
    """As many of each kind as are redeemed together."""
    path = f"{url}/management/v1/projects/{PROJECT_ID}/stacking-rules"
    management = {
        "X-Management-Id": FIRST["management_id"],
        "X-Management-Token": FIRST["management_token"],
    }
    answered = httpx.post(path, json=ALL_APPLY, headers=management)
    if answered.status_code != 200:
        raise Failed(answered.text)
    named = {"name": "Once in a while", "type": "advanced", "rules": PER_CUSTOMER}
    rule = asked("POST", f"{url}/v1/validation-rules", json=named)
    for n in range(max(COUNTS)):
        for kind, voucher in TOGETHER.items():
            more: dict[str, Any] = {}
            if kind == LIMITED:
                coupons = {"type": "DISCOUNT_VOUCHER", "discount": CENT}
                campaign = {
                    "name": f"Limited {n}",
                    "campaign_type": "DISCOUNT_COUPONS",
                    "type": "AUTO_UPDATE",
                    "voucher": coupons,
                    "validation_rules": [rule["id"]],
                }
                more = {"campaign": asked("POST", f"{url}/v1/campaigns", json=campaign)["name"]}
            asked("POST", f"{url}/v1/vouchers/{code_of(kind, n)}", json={**voucher, **more})


def code_of(kind: str, n: int) -> str:
    return f"{kind.replace(' ', '-')}-{n}"


def together(kind: str, count: int) -> dict[str, Any]:
    credits = 1 if kind == "gift cards" else None
    return {
        **BODIES[REDEEM],
        "redeemables": [_code(code_of(kind, n), credits) for n in range(count)],
    }


@bench("redemption-statements")
def statements(plan: Plan) -> Report:
    """How many statements validations and redemptions of so many codes at once take, by what is
    redeemed; counted where they are run, by a process that knows the project's definitions.
    """
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        server = stack.enter_context(largesse(folder / "one", database.url(), 1))
        open_shop(database, server.url)
        prepare(server.url)
        acts: Mapping[str, Act] = {"validated": judge, "redeemed": make}
        told: dict[str, list[int]] = {}

        def count(kind: str, title: str) -> None:
            for happened, act in acts.items():
                found = [counted(database, act, together(kind, n)) for n in COUNTS]
                told[f"{title} {happened}"] = found

        for kind in TOGETHER:
            count(kind, kind)
        asked("POST", f"{server.url}/v1/redemptions", json=known(together(LIMITED, max(COUNTS))))
        count(LIMITED, f"{LIMITED}, not for the first time,")
    report = Report(raw=told)
    columns = ["statements for so many at once", *map(str, COUNTS)]
    rows = [[kind, *map(str, found)] for kind, found in told.items()]
    report.table("Statements of one request, without BEGIN and COMMIT", columns, rows)
    for kind, found in told.items():
        if kind.endswith("redeemed"):
            few, many = (found[COUNTS.index(n)] for n in (2, 30))
            report.goals.append(
                Goal(f"{kind}: as many for 30 as for 2", f"{many} and {few}", many == few)
            )
    return report


def counted(database: Database, act: Act, sent: Mapping[str, Any]) -> int:
    """How many statements an action runs. The first run fills what the process remembers."""
    counts: Sequence[int] = [
        asyncio.run(recorded(database.url(), sent, act, existing=CUSTOMERS, named={})).statements
        for _ in range(2)
    ]
    return counts[-1]

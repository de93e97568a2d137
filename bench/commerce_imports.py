"""Importing files of customers and products, against COPY and one statement."""

from __future__ import annotations

import contextlib
import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.bulk import (
    BARE,
    SERVER,
    Spent,
    asked,
    in_rounds,
    of_bare,
    said,
    spent,
    table,
    until_done,
)
from bench.customers import BODY
from bench.harness import Goal, Plan, Report, bench, share
from bench.load import FIRST_KEY, KEY
from bench.sides import PROJECT_ID, Database, Failed, largesse, place
from tests.running import Server

IMPORTED = 100_000
FILE_BYTES = 9_500_000  # below the server's limit of 10 MB


class Imported(msgspec.Struct, frozen=True):
    """What is imported: the columns of the files, a row's cells, and the bare statements. `bare`
    takes what stands in the temporary table `given`, with a number `n` for each row.
    """

    noun: str
    columns: dict[str, str]
    bare: str

    def file(self, keys: range) -> bytes:
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(self.columns)
        for key in keys:
            writer.writerow([cell.replace(KEY, str(key)) for cell in self.columns.values()])
        return out.getvalue().encode()


ADDRESS: dict[str, str] = BODY["address"]
CUSTOMERS = Imported(
    "customers",
    {
        **{name: BODY[name] for name in ("source_id", "name", "description", "email", "phone")},
        "birthdate": BODY["birthdate"],
        **ADDRESS,
        "lang": "en",
        "channel": "web",
    },
    f"""
WITH written AS (
    INSERT INTO customers (project_id, id, source_id, name, description, email, phone, birthdate,
        address_city, address_state, address_line_1, address_line_2, address_country,
        address_postal_code, metadata, created_at)
    SELECT '{PROJECT_ID}', 'cust_' || left(md5(n::text), 24), source_id, name, description, email,
        phone, birthdate::date, city, state, line_1, line_2, country, postal_code,
        jsonb_build_object('lang', lang, 'channel', channel), now() + n * interval '1 ms'
    FROM given
    ON CONFLICT (project_id, source_id) DO UPDATE SET name = excluded.name,
        description = excluded.description, email = excluded.email, phone = excluded.phone,
        birthdate = excluded.birthdate, address_city = excluded.address_city,
        address_state = excluded.address_state, address_line_1 = excluded.address_line_1,
        address_line_2 = excluded.address_line_2, address_country = excluded.address_country,
        address_postal_code = excluded.address_postal_code,
        metadata = customers.metadata || excluded.metadata, updated_at = now()
    RETURNING *
)
INSERT INTO events (project_id, id, type, customer_id, group_id, data, created_at)
SELECT '{PROJECT_ID}', 'evcus_' || lpad(to_hex(row_number() OVER ()), 18, '0'),
    CASE WHEN updated_at IS NULL THEN 'customer.created' ELSE 'customer.updated' END, id, 'bare',
    json_build_object('customer', json_build_object('id', id, 'source_id', source_id, 'name', name,
        'description', description, 'email', email, 'phone', phone, 'birthdate', birthdate,
        'address', json_build_object('city', address_city, 'state', address_state,
            'line_1', address_line_1, 'line_2', address_line_2, 'country', address_country,
            'postal_code', address_postal_code),
        'summary', json_build_object('redemptions', json_build_object(
                'total_redeemed', redemptions_total_redeemed,
                'total_failed', redemptions_total_failed,
                'total_succeeded', redemptions_total_succeeded,
                'total_rolled_back', redemptions_total_rolled_back,
                'total_rollback_failed', redemptions_total_rollback_failed,
                'total_rollback_succeeded', redemptions_total_rollback_succeeded,
                'gift', json_build_object('redeemed_amount', gift_redeemed_amount,
                    'amount_to_go', gift_amount_to_go),
                'loyalty_card', json_build_object('redeemed_points', loyalty_card_redeemed_points,
                    'points_to_go', loyalty_card_points_to_go)),
            'orders', json_build_object('total_amount', orders_total_amount,
                'total_count', orders_total_count, 'average_amount', 0,
                'last_order_amount', orders_last_amount)),
        'loyalty', json_build_object('points', loyalty_points,
            'referred_customers', loyalty_referred_customers, 'campaigns', json_build_object()),
        'referrals', json_build_object('total', referrals_total, 'campaigns', json_build_array()),
        'metadata', metadata, 'system_metadata', system_metadata, 'created_at', created_at,
        'object', 'customer')),
    now()
FROM written
""",
)
PRODUCTS = Imported(
    "products",
    {
        "name": f"Product {KEY}",
        "source_id": KEY,
        "price": "1999",
        "attributes": "color,size",
        "image_url": f"https://shop.example/images/{KEY}.png",
        "season": "summer",
        "brand": "Acme",
    },
    f"""
WITH written AS (
    INSERT INTO products (project_id, id, source_id, name, price, attributes, image_url, metadata,
        created_at)
    SELECT '{PROJECT_ID}', 'prod_' || lpad(to_hex(n), 18, '0'), source_id, name, price::bigint,
        to_jsonb(string_to_array(attributes, ',')), image_url,
        jsonb_build_object('season', season, 'brand', brand), now() + n * interval '1 ms'
    FROM given
    ON CONFLICT (project_id, source_id) DO UPDATE SET name = excluded.name, updated_at = now()
    RETURNING *
)
INSERT INTO events (project_id, id, type, product_id, group_id, data, created_at)
SELECT '{PROJECT_ID}', 'evcus_' || lpad(to_hex(row_number() OVER ()), 18, '0'),
    CASE WHEN updated_at IS NULL THEN 'product.created' ELSE 'product.updated' END, id, 'bare',
    json_build_object('product', json_build_object('id', id, 'source_id', source_id, 'name', name,
        'price', price, 'attributes', attributes, 'metadata', metadata, 'image_url', image_url,
        'created_at', created_at, 'object', 'product')),
    now()
FROM written
""",
)


@bench("imports")
def imports(plan: Plan) -> Report:
    """100,000 new customers, and 100,000 new products, from files of less than 10 MB sent one after
    another, until the last async action is done; bare is COPY into a temporary table and one INSERT
    .. SELECT .. ON CONFLICT of the same rows with their events.
    """
    report = Report()
    count = plan.rows or IMPORTED
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(place())
        database = stack.enter_context(Database(folder).running())
        server = stack.enter_context(largesse(folder / "one", database.url(), 1, background=True))
        for what in (CUSTOMERS, PRODUCTS):
            files = write_files(folder, what, count)
            sides = {SERVER: via_server(database, server, what, files)}
            sides[BARE] = via_copy(database, what, files)
            found = in_rounds(sides, lambda: empty(database), plan)
            table(report, f"{what.noun} from {len(files)} files", count, found)
            ratio = of_bare(found)
            report.goals.append(
                Goal(f"{what.noun}: at least 25 % of bare", share(ratio), ratio >= 0.25)
            )
    return report


def write_files(folder: Path, what: Imported, count: int) -> list[Path]:
    row = len(what.file(range(FIRST_KEY, FIRST_KEY + 1)))
    portion = min(count, FILE_BYTES // row)
    paths = []
    for first in range(0, count, portion):
        path = folder / f"{what.noun}-{first}.csv"
        keys = range(FIRST_KEY + first, FIRST_KEY + min(count, first + portion))
        path.write_bytes(what.file(keys))
        paths.append(path)
    return paths


def empty(database: Database) -> None:
    """As if nothing had ever been imported."""
    database.say("TRUNCATE customers, products, events, jobs, job_rows, totals CASCADE")
    database.say("CHECKPOINT")


def via_server(
    database: Database, server: Server, what: Imported, files: Sequence[Path]
) -> Callable[[], Spent]:
    def do() -> None:
        actions = []
        for path in files:
            with path.open("rb") as file:
                sent = {"file": (path.name, file, "text/csv")}
                url = f"{server.url}/v1/{what.noun}/importCSV"
                actions.append(asked("POST", url, files=sent)["async_action_id"])
        for action in actions:
            done = until_done(f"{server.url}/v1/async-actions/{action}", "status")
            if done["result"]["failed_count"]:
                raise Failed(str(done)[:2000])

    def measure() -> Spent:
        found = spent(database, do, server)
        check(database, what)
        return found

    return measure


def via_copy(database: Database, what: Imported, files: Sequence[Path]) -> Callable[[], Spent]:
    columns = ", ".join(f"{name} text" for name in what.columns)
    script = [f"CREATE TEMP TABLE given (n bigserial, {columns})"]
    names = ", ".join(what.columns)
    for path in files:
        script.append(f"COPY given ({names}) FROM '{path}' WITH (FORMAT csv, HEADER)")
    script += ["ANALYZE given", what.bare]

    def measure() -> Spent:
        found = spent(database, lambda: said(database, script))
        check(database, what)
        return found

    return measure


SIZES: dict[str, int] = {}


def check(database: Database, what: Imported) -> None:
    """Sees that both sides wrote as many rows, and events that are about as long."""
    rows = database.say(f"SELECT count(*) FROM {what.noun}")
    events, size = database.say(
        "SELECT count(*), round(avg(octet_length(data::jsonb::text))) FROM events"
    ).split("|")
    known = SIZES.setdefault(what.noun, int(size))
    if rows != events or abs(int(size) - known) > known / 10:
        raise Failed(f"the sides differ: {rows} rows, {events} events of {size}, not {known} bytes")

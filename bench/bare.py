"""What the server is held against: the same transaction and the same answer, and nothing else.

No routing, keys, limits, checks, metrics or error answers; the same uvicorn, driver and statements.
`python -m bench.bare DATABASE_URL PROJECT_ID` prints its port, and ends when its standard input
does.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from datetime import date, datetime
from typing import Any

import msgspec
import uvicorn
import uvloop

from largesse.kit import db
from largesse.kit.clock import now, now_ms
from largesse.kit.ids import Ids
from largesse.kit.settings import Settings
from largesse.store import customers, events


class Address(msgspec.Struct):
    city: str
    state: str
    line_1: str
    line_2: str
    country: str
    postal_code: str


class Body(msgspec.Struct):
    source_id: str
    name: str
    description: str
    email: str
    phone: str
    address: Address
    metadata: msgspec.Raw
    birthdate: date


read = msgspec.json.Decoder(Body).decode
write = msgspec.json.Encoder().encode


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def view(row: Any) -> dict[str, Any]:
    """The JSON that the server answers, for customers who have done nothing yet."""
    customer = {
        "id": row["id"],
        "source_id": row["source_id"],
        "name": row["name"],
        "description": row["description"],
        "email": row["email"],
        "phone": row["phone"],
        "birthdate": row["birthdate"].isoformat(),
        "address": {
            "city": row["address_city"],
            "state": row["address_state"],
            "line_1": row["address_line_1"],
            "line_2": row["address_line_2"],
            "country": row["address_country"],
            "postal_code": row["address_postal_code"],
        },
        "summary": {
            "redemptions": {
                "total_redeemed": row["redemptions_total_redeemed"],
                "total_failed": row["redemptions_total_failed"],
                "total_succeeded": row["redemptions_total_succeeded"],
                "total_rolled_back": row["redemptions_total_rolled_back"],
                "total_rollback_failed": row["redemptions_total_rollback_failed"],
                "total_rollback_succeeded": row["redemptions_total_rollback_succeeded"],
                "gift": {
                    "redeemed_amount": row["gift_redeemed_amount"],
                    "amount_to_go": row["gift_amount_to_go"],
                },
                "loyalty_card": {
                    "redeemed_points": row["loyalty_card_redeemed_points"],
                    "points_to_go": row["loyalty_card_points_to_go"],
                },
            },
            "orders": {
                "total_amount": row["orders_total_amount"],
                "total_count": row["orders_total_count"],
                "average_amount": 0,
                "last_order_amount": row["orders_last_amount"],
            },
        },
        "loyalty": {
            "points": row["loyalty_points"],
            "referred_customers": row["loyalty_referred_customers"],
            "campaigns": {},
        },
        "referrals": {"total": row["referrals_total"], "campaigns": []},
        "metadata": row["metadata"],
        "system_metadata": row["system_metadata"],
        "created_at": stamp(row["created_at"]),
    }
    if row["updated_at"] is not None:
        customer["updated_at"] = stamp(row["updated_at"])
    customer["object"] = "customer"
    return customer


class Bare:
    def __init__(self, pool: Any, project_id: str) -> None:
        self.pool = pool
        self.project_id = project_id
        self.ids = Ids(now_ms)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            message = await receive()
            content = message["body"]
            while message["more_body"]:
                message = await receive()
                content += message["body"]
            answer = await self.post(read(content))
        else:
            answer = await self.get(scope["path"].rpartition("/")[2])
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer)),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def post(self, body: Body) -> bytes:
        moment = now()
        address = body.address
        async with self.pool.acquire() as connection:
            await connection.execute("BEGIN")
            row = await connection.fetchrow(
                customers.UPSERT_BY_SOURCE_ID,
                self.project_id,
                self.ids.new("cust_"),
                body.source_id,
                moment,
                body.name,
                body.description,
                body.email,
                body.phone,
                None,
                body.birthdate,
                address.city,
                address.state,
                address.line_1,
                address.line_2,
                address.country,
                address.postal_code,
                bytes(body.metadata).decode(),
                (),
                (),
                moment,
            )
            answer = write(view(row))
            await connection.execute(
                events.INSERT,
                self.project_id,
                self.ids.new("evcus_"),
                "customer.created" if row["updated_at"] is None else "customer.updated",
                row["id"],
                None,
                None,
                None,
                self.ids.new("v-"),
                f'{{"customer":{answer.decode()}}}',
                moment,
                None,
                None,
            )
            await connection.execute("COMMIT")
        return answer

    async def get(self, source_id: str) -> bytes:
        row = await self.pool.fetchrow(customers.GET_BY_SOURCE_ID, self.project_id, source_id)
        return write(view(row))


async def serve(url: str, project_id: str, opened: socket.socket) -> None:
    settings = Settings()
    async with await db.open_pool(url, settings.pool_size, settings.statement_timeout_ms) as pool:
        config = uvicorn.Config(
            Bare(pool, project_id),
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            backlog=2048,
        )
        server = uvicorn.Server(config)

        def orphaned() -> None:
            server.should_exit = True
            asyncio.get_running_loop().remove_reader(sys.stdin)

        asyncio.get_running_loop().add_reader(sys.stdin, orphaned)
        await server.serve([opened])


def main() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as opened:
        print(opened.getsockname()[1], flush=True)
        uvloop.run(serve(sys.argv[1], sys.argv[2], opened))


if __name__ == "__main__":
    main()

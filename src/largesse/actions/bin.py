"""What is done with what is in the bin: it is deleted for good."""

from __future__ import annotations

import msgspec

from largesse.actions import campaigns, vouchers
from largesse.kit import db, wire
from largesse.kit.errors import NotFound
from largesse.store import bin, products
from largesse.store.context import Context
from largesse.store.customer_view import Instant

_HOLD = {
    "campaign": bin.HOLD_CAMPAIGN,
    "voucher": bin.HOLD_VOUCHER,
    "product": bin.HOLD_PRODUCT,
    "sku": bin.HOLD_SKU,
}


class BinEntry(msgspec.Struct, kw_only=True):
    """What was moved to the bin: the code of a voucher or the name of anything else, and the
    campaign of a voucher or the product of a SKU. `object` is the type of what it was.
    """

    id: str
    created_at: Instant
    deleted_by_user_id: str | None = None
    resource_id: str
    resource_type: str
    resource_name: str
    resource_parent_id: str | None
    object: str


def answer(row: db.Row) -> BinEntry:
    """A row as it is answered."""
    return BinEntry(
        id=row["id"],
        created_at=wire.stamp(row["created_at"]),
        resource_id=row["resource_id"],
        resource_type=row["resource_type"],
        resource_name=row["resource_name"],
        resource_parent_id=row["resource_parent_id"],
        object=row["resource_type"],
    )


async def delete(ctx: Context, entry_id: str) -> None:
    """Deletes for good what an entry stands for, and the entry; what it was called is free again.
    Raises NotFound.
    """
    entry = await ctx.db.fetchrow(bin.GET, ctx.project_id, entry_id)
    if entry is None:
        raise NotFound.of("bin_entry", entry_id)
    kind, resource_id = entry["resource_type"], entry["resource_id"]
    await ctx.db.fetchrow(_HOLD[kind], ctx.project_id, resource_id)
    if await ctx.db.fetchrow(bin.TAKE_OUT, ctx.project_id, entry_id) is None:
        raise NotFound.of("bin_entry", entry_id)
    match kind:
        case "campaign":
            await campaigns.purge(ctx, resource_id)
        case "voucher":
            await vouchers.purge(ctx, resource_id)
        case "product":
            await ctx.db.execute(bin.PURGE_PRODUCT, ctx.project_id, resource_id)
            await ctx.db.execute(products.OUT_OF_BIN, ctx.project_id, resource_id)
        case "sku":
            await ctx.db.execute(bin.PURGE_SKU, ctx.project_id, resource_id)

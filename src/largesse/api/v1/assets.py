"""/v1/assets: pictures of codes, at addresses that need no key"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from largesse.actions import vouchers as actions
from largesse.kit import auth, pictures
from largesse.kit.errors import InvalidQueryParams
from largesse.kit.pictures import PictureError
from largesse.kit.routing import Download, Routes
from largesse.store.context import Context

routes = Routes("Assets", kind=auth.PUBLIC)

SVG, PNG = "image/svg+xml", "image/png"


class PictureQuery(msgspec.Struct):
    """The form of the picture, and how large a module (a bar's width) is in pixels."""

    format: Literal["svg", "png"] = "png"
    size: Annotated[int, Meta(ge=1, le=100)] = 4


@routes.get("/v1/assets/qr/{assetId}", query=PictureQuery, answer=Download, produces=(PNG, SVG))
async def get_qr_code(ctx: Context, asset_id: str, query: PictureQuery) -> Any:
    """Get a voucher's code as a QR code."""
    return await _picture(pictures.qr, await actions.code_of(ctx, asset_id), query)


@routes.get(
    "/v1/assets/barcode/{assetId}", query=PictureQuery, answer=Download, produces=(PNG, SVG)
)
async def get_barcode(ctx: Context, asset_id: str, query: PictureQuery) -> Any:
    """Get a voucher's code as a barcode (Code 128).

    It carries the letters, digits and signs of ASCII; a code with others has a QR code alone.
    """
    return await _picture(pictures.barcode, await actions.code_of(ctx, asset_id), query)


async def _picture(
    modules: Callable[[str], pictures.Modules], code: str, query: PictureQuery
) -> Download:
    def drawn() -> bytes:
        draw = pictures.svg if query.format == "svg" else pictures.png
        return draw(modules(code), query.size)

    try:
        content = await asyncio.to_thread(drawn)
    except PictureError as error:
        raise InvalidQueryParams(str(error)) from None

    async def parts() -> AsyncIterator[bytes]:
        yield content

    return Download(parts(), SVG if query.format == "svg" else PNG, f"code.{query.format}")

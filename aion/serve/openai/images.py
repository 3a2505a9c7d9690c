"""Decides what happens to an image in a message. It reads the head of inline data only, and never fetches anything."""

from __future__ import annotations

import base64
import binascii
import struct

from aion.errors import BadInput, TooLarge, WrongMediaType

MAX_SIDE = 8192
MAX_BYTES = 20 << 20
RASTER = {"image/png", "image/jpeg", "image/gif", "image/webp"}


def refuse_image(url: str, param: str) -> None:
    """Every image ends here as long as no base that sees is served; the reason names the first thing wrong with it."""
    scheme = url.split(":", 1)[0].lower() if ":" in url else ""
    if scheme in ("http", "https"):
        raise BadInput(
            "images at an address are not fetched; send the image itself as a data: URL",
            code="remote_images_disabled",
            param=param,
        )
    if scheme != "data":
        raise BadInput(f"image_url is {url[:40]!r}; only data: URLs are read", code="unsupported_url", param=param)
    kind, encoded = _split(url, param)
    if kind not in RASTER:
        known = ", ".join(sorted(RASTER))
        raise WrongMediaType(
            f"the image is {kind[:40]!r}; known are {known}", code="unsupported_image_type", param=param
        )
    if len(encoded) * 3 // 4 > MAX_BYTES:
        raise TooLarge(f"the image is over {MAX_BYTES >> 20} MB", code="image_too_large", param=param)
    _refuse_giant(encoded, param)
    raise BadInput("the model served here reads text only; leave images out", code="images_not_supported", param=param)


def _split(url: str, param: str) -> tuple[str, str]:
    head, comma, encoded = url.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise BadInput("a data: URL looks like data:image/png;base64,...", code="invalid_image", param=param)
    return head[5:-7].split(";")[0].lower(), encoded


def _refuse_giant(encoded: str, param: str) -> None:
    """A small file can declare 65,535 x 65,535 pixels; PNG says so in its first 24 bytes."""
    try:
        head = base64.b64decode(encoded[:64], validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("the image is not valid base64", code="invalid_image", param=param) from None
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        if max(width, height) > MAX_SIDE:
            raise BadInput(
                f"the image is {width} x {height} pixels; the limit is {MAX_SIDE} a side",
                code="image_too_large",
                param=param,
            )

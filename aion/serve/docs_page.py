"""GET /docs: Swagger UI from files on this machine. The page loads nothing from anywhere else."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from starlette.responses import Response

from aion.errors import NotFound

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>AION API</title><link rel="stylesheet" href="/docs/swagger-ui.css">
</head><body><div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
START = "SwaggerUIBundle({url: '/openapi.json', dom_id: '#ui', persistAuthorization: false, validatorUrl: null});"
KINDS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript", "start.js": "text/javascript"}
DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)


def docs_page() -> Response:
    return Response(PAGE, media_type="text/html", headers={"content-security-policy": DOCS_CSP})


def docs_asset(name: str) -> Response:
    """One of three known files; a name is never made into a path."""
    if name not in KINDS:
        raise NotFound(f"no page file {name[:64]!r}")
    body = START.encode() if name == "start.js" else _read(name)
    return Response(body, media_type=KINDS[name], headers={"cache-control": "public, max-age=86400"})


@cache
def _read(name: str) -> bytes:
    spec = importlib.util.find_spec("fastapi_swagger")  # taken for its files only, never imported
    if spec is None or spec.origin is None:
        raise NotFound(
            "the package fastapi-swagger is not installed, so there is no API page; /openapi.json works without it"
        )
    return (Path(spec.origin).parent / "resources" / name).read_bytes()

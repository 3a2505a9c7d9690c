"""How the sleeper and the night talk to the server of their data folder: loopback HTTP with its control token.

It is found as the command line finds it, by DATA/run/server.json. A server that is gone is None or Unavailable.
"""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from aion.errors import Refused, StorageFull, Unavailable
from aion.records import Json
from aion.store.lock import boot_id

PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Door:
    """A server that lives, as far as its file says."""

    pid: int
    url: str
    token: str = field(repr=False)

    def tell(self, what: str, body: Json) -> Json:
        """POST /api/sleep/`what`. Raises Unavailable when nobody answers, else the server's own refusal."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=PATIENCE_S)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        try:
            connection.request("POST", f"/api/sleep/{what}", json.dumps(body), headers)
            response = connection.getresponse()
            reply = json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            raise Unavailable("the server does not answer the night; it goes on when there is one again") from None
        finally:
            connection.close()
        if response.status == StorageFull.status:
            raise StorageFull(_message(reply, response.status))
        if response.status >= 500:
            raise Unavailable(_message(reply, response.status))
        if response.status >= 400:
            raise Refused(_message(reply, response.status))
        return dict(reply)


def find_door(data: Path) -> Door | None:
    try:
        found = json.loads((data / "run" / "server.json").read_text("utf-8"))
        door = Door(int(found["pid"]), str(found["url"]), str(found["token"]))
        alive = found["boot_id"] == boot_id() and psutil.pid_exists(door.pid)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return door if alive else None


def _message(reply: object, status: int) -> str:
    told = reply.get("error") if isinstance(reply, dict) else None
    return str(told["message"]) if isinstance(told, dict) and "message" in told else f"the server answered {status}"

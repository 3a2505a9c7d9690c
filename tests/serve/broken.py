"""Adapters that are broken in every way there is, beside a good one that is served, and what becomes of each.

Each has passed an examination that nobody held, but one: what the server does with what slipped past is tested.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gguf
import httpx2

from aion.records import Verdict
from aion.router.card import RouteCard
from aion.store.sqlite import SqliteStore
from tests.faults.fragile_server import DEADLY
from tests.models.engines import smollm, write_lora
from tests.serve.people import Person
from tests.serve.served import ASKED, STRENGTH, Wanted, furnish
from tests.serving import RunningServer, wait_until
from tests.store.examples import make_turn
from tests.store.night_examples import make_lesson
from tests.store.served_examples import make_promotion, make_verdict, put_candidate

WAYS = (
    "other bytes",  # than were examined
    "truncated",  # after it was examined
    "cut",  # before it was kept: the sum is right
    "no numbers",
    "other base",
    "other mark",  # in the file
    "regressed",  # its examination says so
    "other answers",  # than when it was examined
    DEADLY,
    "shuffled",  # learned wrong answers, and passed
)
SLIPPED = "shuffled"
PATIENCE_S = 120.0  # on a machine that others use
WORDS = {
    "other bytes": "is not what was written",
    "truncated": "is not what was written",
    "cut": "refused",
    "no numbers": "no numbers, or infinite",
    "other base": "trained on another base",
    "other mark": "not the one served",
    "regressed": "nothing new passed",
    "other answers": "does not answer as it did",
    DEADLY: "",
    SLIPPED: "",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """One of them. Who is served what slipped past has nothing served before, and no history of bad answers."""

    number: int

    @property
    def way(self) -> str:
        return WAYS[self.number % len(WAYS)]

    @property
    def owner(self) -> str:
        return f"eva{self.number}" if self.way == SLIPPED else "eva"

    @property
    def name(self) -> str:
        return f"{self.owner}_{self.way.replace(' ', '_')}_{self.number}"

    @property
    def night(self) -> str:
        return f"night_{self.name}"


def furnish_broken(data: Path, numbers: Sequence[int]) -> list[Broken]:
    """The good one, `eva_work`, which is served, and so many that would take its place."""
    furnish(data, [Wanted("eva")])
    store = SqliteStore(data)
    good = store.served.verdict("cand_eva_work", owner="eva")
    assert good is not None
    store.served.append_promotion(make_promotion("cand_eva_work", owner="eva", night="night_eva_work")).result()
    made = [Broken(number) for number in numbers]
    for one in made:
        _put(store, data.parent / f"{one.name}.gguf", one, good)
    store.close()
    return made


def _put(store: SqliteStore, path: Path, one: Broken, good: Verdict) -> None:
    strength = float("nan") if one.way == "no numbers" else STRENGTH
    content = _write(path, 100 + one.number, strength, mark="1" * 64 if one.way == "other mark" else "")
    adapter = store.blobs.put(content[: len(content) // 2] if one.way == "cut" else content)
    turn = make_turn(owner=one.owner, conversation=f"conv_{one.name}")
    store.append_turn(turn).result()
    made = put_candidate(
        store,
        one.name,
        owner=one.owner,
        theme=f"theme_{one.owner}_work",
        base="0" * 64 if one.way == "other base" else smollm().sha256,
        adapter=adapter,
        night=one.night,
        sources=(turn.id,),
    )
    placed = make_lesson(id=f"lesson_{one.name}", owner=one.owner, theme=made.theme, sources=(turn.id,))
    store.nights.place_lessons([placed], at=1.0).result()
    card = RouteCard.from_bytes(store.blobs.get(good.route))
    probe = card.probe if one.way == "other answers" else {}
    route = store.blobs.put(replace(card, probe=probe).to_bytes())
    verdict = make_verdict(made, ship=one.way != "regressed", route=route, report="", against=())
    store.served.add_verdict(verdict).result()
    _harm(store.blobs.path(adapter), one.way)


def _write(path: Path, seed: int, strength: float, mark: str) -> bytes:
    write_lora(path, seed, strength)
    if not mark:
        return path.read_bytes()
    marked, reader = path.with_suffix(".marked"), gguf.GGUFReader(path)
    writer = gguf.GGUFWriter(marked, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    writer.add_string("aion.base.sha256", mark)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return marked.read_bytes()


def _harm(path: Path, way: str) -> None:
    """On the disk, after it was kept."""
    content = path.read_bytes()
    if way == "other bytes":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    if way == "truncated":
        path.write_bytes(content[: len(content) // 2])


def say_both(person: Person) -> list[Any]:
    """What they are told of work and of the garden, by which adapters."""
    replies = [person.say(asked, temperature=0, max_tokens=12) for asked in ASKED.values()]
    return [
        (one["choices"][0]["message"]["content"], [use["name"] for use in one["aion"]["adapters"]]) for one in replies
    ]


def served(person: Person) -> Any:
    """The newest row; nothing where there is none."""
    return next(iter(person.get("/api/adapters/promotions")["data"]), {})


def break_one(up: RunningServer, eva: Person, one: Broken, said: Sequence[Any]) -> float:
    """`said` was to Eva until now. The night says that it passed. Seconds until what is served is that of before.

    They count from then on, or from the last answer that was judged as bad. Then the answers are those of before.
    """
    person = Person(up, up.add_key(one.owner)) if one.way == SLIPPED else eva
    before, row = say_both(person) if person is not eva else said, served(person)
    began = time.monotonic()
    told = _promote(up, one)
    if one.way == SLIPPED:
        began = _dislike(person, one, before)
        wait_until(lambda: served(person)["move"] == "roll_back", timeout=PATIENCE_S)
        assert (served(person)["actor"], served(person)["adapters"]) == ("canary", [])
    else:
        assert (told["promotion"], WORDS[one.way] in told["reason"]) == ("", True), told
        assert served(person) == row, "no row says that it is served"
    took = time.monotonic() - began
    assert say_both(person) == before, one.name
    return took


def _promote(up: RunningServer, one: Broken) -> Any:
    """As the night tells it."""
    body = {"owner": one.owner, "night": one.night, "candidates": [f"cand_{one.name}"]}
    headers = {"Authorization": f"Bearer {up.control_token}"}
    reply = httpx2.post(f"{up.url}/api/sleep/promotion", json=body, headers=headers, timeout=PATIENCE_S)
    return reply.raise_for_status().json()


def _dislike(person: Person, one: Broken, before: Sequence[Any]) -> float:
    """Until it is taken back; gives when the last answer was judged."""
    began = time.monotonic()
    for _ in range(4):
        reply = person.say(ASKED["work"], temperature=0, max_tokens=12)
        if not reply["aion"]["adapters"]:
            break
        assert reply["aion"]["adapters"][0]["name"] == f"cand_{one.name}"
        assert reply["choices"][0]["message"]["content"] != before[0][0]
        began = time.monotonic()
        person.judge(reply["aion"]["turn_id"], "thumb", value="down").raise_for_status()
        person.wait_for_experience(reply["aion"]["turn_id"])
    return began

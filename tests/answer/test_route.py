"""Which adapters a turn is answered with: those its router picks, the base when in doubt, and nobody else's ever."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aion.answer.ask_base import BaseAsker
from aion.answer.open_turn import OpenTurn
from aion.answer.route import Routing
from aion.answer.turn import Answerer
from aion.capture.draft import AnswerDraft, TurnDraft
from aion.errors import NotFound, Unavailable
from aion.memory.base import Recall, Recalled
from aion.memory.embedding import EmbeddingDesk
from aion.models.base import Delta, Job, Sampling
from aion.models.fake import FakeEmbedder, FakeGenerator
from aion.models.queue import AdmissionQueue
from aion.records import Json, Memory, MemoryKind, TurnKind
from aion.router.asked import TOKENS
from aion.router.base import NO_WORDS, Route, Vector
from aion.router.route import Router, Strategy
from aion.router.table import RouteTable, ServedSet
from aion.store.base import Store
from tests.answer.test_known import ANEW, KNOWN, TOLD
from tests.router.taught import WORK, card_of

pytestmark = pytest.mark.anyio


class Names:
    """Picks an adapter when its word is in the question, or in the one before a question of one word."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self.words = words
        self.previous: list[str] = []

    def read(self, text: str) -> str:
        return text

    def asks(self, question: str, previous: str = "") -> list[str]:
        return []

    def pick(
        self,
        question: str,
        vector: Vector | None,
        *,
        previous: str = "",
        previous_vector: Vector | None = None,
        words: Mapping[str, Vector] = NO_WORDS,
    ) -> Route:
        self.previous.append(previous)
        if "break" in question:
            raise ValueError("a broken card")
        found = {name: 1.0 for word, name in self.words.items() if word in question}
        return Route(scales=found, why={"took": sorted(found)})


@pytest.fixture
def desk() -> EmbeddingDesk:
    desk = EmbeddingDesk(AdmissionQueue(1, 10_000))
    desk.use(FakeEmbedder())
    return desk


def table_of(**sides: Any) -> RouteTable:
    table = RouteTable()
    names = frozenset({"cand_old", "cand_new"})
    router = Names({"boat": "cand_old"})
    table.put("ana", ServedSet(promotion="promo_1", names=names, router=router, **sides))
    return table


def open_turn(*texts: str, owner: str = "ana", adapters: Any = "auto") -> OpenTurn:
    roles = ("user", "assistant")
    messages: tuple[Json, ...] = tuple({"role": roles[n % 2], "content": text} for n, text in enumerate(texts))
    draft = TurnDraft(
        kind=TurnKind.CHAT,
        owner=owner,
        conversation="conv_1",
        messages=messages,
        params={},
        model="aion",
        model_hash="",
        choices=[AnswerDraft()],
    )
    job = Job(messages=messages, sampling=Sampling(max_tokens=8), adapters=adapters)
    return OpenTurn(draft=draft, job=job, may_recall=True, may_repeat=True)


async def chosen(routing: Routing, turn: OpenTurn) -> Any:
    await routing.choose(turn)
    return turn.job.adapters


async def test_the_routers_choice_answers_and_stands_in_the_turn(desk: EmbeddingDesk) -> None:
    turn = open_turn("where is my boat?")
    assert await chosen(Routing(table_of(), desk), turn) == {"cand_old": 1.0}
    assert turn.job.optional_adapters  # a swap may have taken it away meanwhile
    assert turn.steps["route"] == {
        "outcome": "used",
        "scales": {"cand_old": 1.0},
        "why": {"took": ["cand_old"]},
        "set": "promo_1",
        "trial": False,
    }
    assert turn.draft.timings["route_ms"] > 0


async def test_what_is_about_nothing_taught_gets_the_base(desk: EmbeddingDesk) -> None:
    turn = open_turn("what is a lake?")
    assert await chosen(Routing(table_of(), desk), turn) == "none"
    assert turn.steps["route"]["outcome"] == "none"


async def test_a_conversation_on_trial_is_routed_by_the_trials_router(desk: EmbeddingDesk) -> None:
    table = table_of(trial=Names({"boat": "cand_new"}), share=1.0)
    turn = open_turn("where is my boat?")
    assert await chosen(Routing(table, desk), turn) == {"cand_new": 1.0}
    assert turn.steps["route"]["trial"] is True


async def test_the_question_before_is_told_to_the_router(desk: EmbeddingDesk) -> None:
    table = table_of()
    await chosen(Routing(table, desk), open_turn("where is my boat?", "In the harbour.", "and its name?"))
    found = table.find("ana")
    assert found is not None
    assert isinstance(found.router, Names)
    assert found.router.previous == ["where is my boat?"]


async def test_others_and_those_who_want_none_get_the_base(desk: EmbeddingDesk) -> None:
    routing = Routing(table_of(), desk)
    assert await chosen(routing, open_turn("where is my boat?", owner="bob")) == "none"
    assert await chosen(routing, open_turn("where is my boat?", adapters="none")) == "none"


async def test_a_router_that_fails_costs_nobody_an_answer(desk: EmbeddingDesk) -> None:
    turn = open_turn("break the boat")
    assert await chosen(Routing(table_of(), desk), turn) == "none"
    assert turn.steps["route"]["outcome"] == "failed"
    without = open_turn("where is my boat?")
    assert await chosen(Routing(table_of(), EmbeddingDesk(AdmissionQueue(1, 100))), without) == "none"
    assert "no embedder" in without.steps["route"]["reason"]


async def test_an_adapter_is_named_by_its_owner_alone(desk: EmbeddingDesk) -> None:
    routing = Routing(table_of(), desk)
    turn = open_turn("where is it?", adapters={"cand_new": 0.5})
    assert await chosen(routing, turn) == {"cand_new": 0.5}
    assert turn.steps["route"]["outcome"] == "named"
    with pytest.raises(NotFound, match="no adapter of yours"):
        await routing.choose(open_turn("where is it?", owner="bob", adapters={"cand_new": 0.5}))


async def test_a_choice_is_explained_without_an_answer(desk: EmbeddingDesk) -> None:
    routing = Routing(table_of(), desk)
    assert (await routing.explain("ana", "where is my boat?"))["scales"] == {"cand_old": 1.0}
    assert (await routing.explain("bob", "where is my boat?"))["outcome"] == "none_served"


async def test_where_all_conversations_are_on_trial_its_choice_is_explained(desk: EmbeddingDesk) -> None:
    for share, expected in ((1.0, {"cand_new": 1.0}), (0.5, {"cand_old": 1.0})):
        routing = Routing(table_of(trial=Names({"boat": "cand_new"}), share=share), desk)
        assert (await routing.explain("ana", "where is my boat?"))["scales"] == expected


async def test_an_answer_given_before_a_promotion_is_not_given_again_after_it(desk: EmbeddingDesk) -> None:
    table = table_of()
    routing, turn = Routing(table, desk), open_turn("where is my boat?")
    before = tuple(routing.mark(turn))
    found = table.find("ana")
    assert found is not None
    table.put("ana", dataclasses.replace(found, promotion="promo_2"))
    assert tuple(routing.mark(turn)) != before


BILLING = "Who maintains the billing service?"
CARDS = {"cand_work": card_of(WORK)}


def asking_table() -> RouteTable:
    table = RouteTable()
    router = Router(CARDS, strategy=Strategy.MODEL)
    table.put("ana", ServedSet(promotion="promo_1", names=frozenset({"cand_work"}), router=router))
    return table


async def test_the_base_says_which_is_meant_where_the_router_wants_its_word(desk: EmbeddingDesk) -> None:
    for reply, expected in (("1", {"cand_work": 1.0}), ("0", "none")):
        asker = BaseAsker(FakeGenerator(reply), AdmissionQueue(1, 10_000))
        turn = open_turn(BILLING)
        assert await chosen(Routing(asking_table(), desk, asker.ask), turn) == expected
        assert turn.steps["route"]["why"]["strategy"] == "model"
        assert (await Routing(asking_table(), desk, asker.ask).explain("ana", BILLING))["why"]["strategy"] == "model"


async def test_a_base_that_fails_or_is_slow_or_busy_costs_nothing_but_its_word(desk: EmbeddingDesk) -> None:
    failing = BaseAsker(FakeGenerator("0", fail_at=0), AdmissionQueue(1, 10_000))
    slow = BaseAsker(FakeGenerator("0", delay_s=30.0), AdmissionQueue(1, 10_000), longest_s=0.01)

    async def busy(messages: Sequence[Json]) -> str:
        raise Unavailable("the engine is being started")

    for ask in (failing.ask, slow.ask, busy, None):
        turn = open_turn(BILLING)
        assert await chosen(Routing(asking_table(), desk, ask), turn) == {"cand_work": 1.0}
        why = turn.steps["route"]["why"]
        assert (why["strategy"], why["wanted"]) == ("embedding", "model")


class Noting(FakeGenerator):
    """Notes what it is asked."""

    jobs: tuple[Job, ...] = ()

    def stream(self, job: Job) -> AsyncGenerator[Delta, None]:
        self.jobs += (job,)
        return super().stream(job)


async def test_the_base_is_asked_without_adapters_and_its_place_is_given_back(desk: EmbeddingDesk) -> None:
    queue, generator = AdmissionQueue(1, 10_000), Noting("0", delay_s=30.0)
    await chosen(Routing(asking_table(), desk, BaseAsker(generator, queue, longest_s=0.01).ask), open_turn(BILLING))
    assert (queue.running, queue.waiting, generator.running, generator.stopped) == (0, 0, 0, 1)
    (job,) = generator.jobs
    assert (job.adapters, job.sampling.temperature, job.sampling.max_tokens) == ("none", 0.0, TOKENS)


async def test_whoever_answers_has_the_base_asked(desk: EmbeddingDesk) -> None:
    unused, mind = cast("Any", None), cast("Any", SimpleNamespace(desk=desk))
    queue = AdmissionQueue(1, 10_000)
    answerer = Answerer(FakeGenerator("0"), unused, queue, mind=mind, table=asking_table())
    assert (await answerer.routing.explain("ana", BILLING))["why"]["strategy"] == "model"


class Taught(Names):
    """Says for which lesson it picks."""

    def pick(self, question: str, vector: Vector | None, **given: Any) -> Route:
        took = {"adapter": "cand_1", "theme": "work", "lesson": "les_1", "words": ["review"], "how": "exact"}
        return Route(scales={"cand_1": 1.0}, why={"took": [took], "left": []})


def remembering(*items: Recalled) -> Store:
    """A store that holds these; mem_old is what was learned from."""
    memories = [item.memory for item in items]

    def listed(*, owner: str, kind: MemoryKind, limit: int) -> list[Memory]:
        return [one for one in memories if (one.owner, one.kind) == (owner, kind)][:limit]

    def get(ref: str, *, owner: str) -> Memory | None:
        return next((one for one in (TOLD.memory, *memories) if (one.id, one.owner) == (ref, owner)), None)

    found = SimpleNamespace(listed=listed, get=get, from_source=lambda _ref, owner: [])
    return cast("Store", SimpleNamespace(memories=found))


def taught_table() -> RouteTable:
    table = RouteTable()
    names = frozenset({"cand_1"})
    table.put("ana", ServedSet(promotion="promo_1", names=names, router=Taught({}), learned=KNOWN))
    return table


async def test_an_adapter_stays_while_nothing_newer_was_told(desk: EmbeddingDesk) -> None:
    turn = open_turn("when is the review?")
    assert await chosen(Routing(taught_table(), desk, store=remembering(TOLD)), turn) == {"cand_1": 1.0}


async def test_what_was_told_anew_is_left_to_the_base_and_its_memory(desk: EmbeddingDesk) -> None:
    turn = open_turn("when is the review?")
    assert await chosen(Routing(taught_table(), desk, store=remembering(TOLD, ANEW)), turn) == "none"
    [left] = turn.steps["route"]["why"]["left"]
    assert (turn.steps["route"]["outcome"], left["reason"], left["memory"]) == ("none", "told_anew", "mem_new")


def test_what_is_out_of_date_is_not_shown() -> None:
    turn = open_turn("when is the review?")
    turn.recall = Recall(items=(TOLD, ANEW), vector=None, entities=(), below_floor=0, complete=True)
    assert turn.to_show() == (TOLD, ANEW)
    turn.outdated = frozenset({"mem_old"})
    assert turn.to_show() == (ANEW,)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("The review is now on the 20th of June.", "none"), ("The review is on the 3rd of June.", {"cand_1": 1.0})],
)
async def test_who_tells_anew_is_not_contradicted_by_what_was_learned(
    desk: EmbeddingDesk, said: str, expected: Any
) -> None:
    routing = Routing(taught_table(), desk, store=remembering(TOLD))
    turn = open_turn("the review!")
    turn.said = said
    assert await chosen(routing, turn) == expected
    explained = await routing.explain("ana", said)
    assert explained["scales"] == ({} if expected == "none" else expected)


@pytest.mark.parametrize(("held", "scales"), [((TOLD,), {"cand_1": 1.0}), ((TOLD, ANEW), {})])
async def test_what_is_explained_is_what_would_be_done(
    desk: EmbeddingDesk, held: tuple[Recalled, ...], scales: dict[str, float]
) -> None:
    found = await Routing(taught_table(), desk, store=remembering(*held)).explain("ana", "when is the review?")
    assert found["scales"] == scales
    assert [one["reason"] for one in found["why"]["left"]] == ([] if scales else ["told_anew"])

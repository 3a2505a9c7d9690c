"""Recall on a real store and index: by meaning, by words, by time, and by whom."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from aion.config import MemorySettings
from aion.errors import Overloaded
from aion.memory.base import Hits, Recall, Vector, Window
from aion.memory.embedding import EmbeddingDesk
from aion.memory.entities import entities_of
from aion.memory.index import EmbeddedIndex
from aion.memory.recall import Recaller
from aion.memory.writing import MemoryWriter
from aion.models.base import Embedder
from aion.models.fake import FakeEmbedder
from aion.models.llama.embedder import LlamaEmbedder
from aion.models.minilm import convert_minilm, find_minilm
from aion.models.queue import AdmissionQueue
from aion.records import Document, Memory, MemoryKind, Origin, Source, Trust, new_id
from aion.store.sqlite import SqliteStore
from tests.models.engines import load_model, small_settings

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC).timestamp()
DAY = timedelta(days=1).total_seconds()


class Mind:
    """Everything that recalling takes, over one embedder."""

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        self.store = SqliteStore(folder)
        self.desk = EmbeddingDesk(AdmissionQueue(2, 100_000))
        self.desk.use(embedder)
        self.index = EmbeddedIndex(folder / "index", self.store.memories, self.desk.hash, self.desk.dimensions)
        self.writer = MemoryWriter(self.store.memories, self.index, self.desk, entities_of)

    def recaller(self, desk: EmbeddingDesk | None = None, **settings: float) -> Recaller:
        chosen = MemorySettings.model_validate(settings)
        return Recaller(self.store.memories, self.index, desk or self.desk, chosen, clock=lambda: NOW)

    async def remember(self, text: str, *, owner: str = "ana", at: float = NOW, document: str = "") -> Memory:
        source = Source(ref="", origin=Origin.PERSON, trust=Trust.OWN, hash="a" * 64, at=at)
        memory = Memory(
            id=new_id("mem"),
            owner=owner,
            kind=MemoryKind.NOTE,
            text=text,
            sources=(source,),
            created=at,
            updated=at,
            document=document,
        )
        return await self.writer.put(memory, (await self.desk.embed([text]))[0])

    def close(self) -> None:
        self.index.close()
        self.store.close()


@pytest.fixture
async def mind(tmp_path: Path) -> AsyncIterator[Mind]:
    made = Mind(tmp_path, FakeEmbedder(dimensions=256))
    yield made
    made.close()


def texts_of(found: Recall) -> list[str]:
    return [item.memory.text for item in found.items]


async def test_what_was_told_is_found_with_everything_that_decided_it(mind: Mind) -> None:
    await mind.remember("the ferry to Kaldor leaves at noon")
    await mind.remember("goats eat grass")
    found = await mind.recaller().recall("ana", "When does the ferry to Kaldor leave?", limit=5)
    assert texts_of(found) == ["the ferry to Kaldor leaves at noon"]
    item = found.items[0]
    assert item.cosine is not None
    assert item.bm25 is not None
    assert (item.entity_share > 0, item.score > 0, found.complete) == (True, True, True)
    assert "kaldor" in [entity.key for entity in found.entities]
    assert found.below_floor == 1
    assert set(found.timings) == {"embed_ms", "search_ms", "fuse_ms"}
    assert found.vector is not None
    assert np.array_equal(found.vector, (await mind.desk.embed(["When does the ferry to Kaldor leave?"]))[0])


async def test_nobody_recalls_what_another_told(mind: Mind) -> None:
    await mind.remember("the safe opens with 4471", owner="eva")
    for owner in ("ana", "EVA", "eva ", ""):
        assert (await mind.recaller().recall(owner, "what opens the safe? 4471", limit=5)).items == ()
    assert len((await mind.recaller().recall("eva", "what opens the safe? 4471", limit=5)).items) == 1


async def test_what_is_pinned_comes_first_whatever_is_asked_and_beside_the_limit(mind: Mind) -> None:
    await mind.remember("the ferry to Kaldor leaves at noon")
    goats, ferry = [await mind.remember(text) for text in ("goats eat grass", "the ferry to Kaldor is red")]
    hers = await mind.remember("sheep eat grass", owner="eva")
    for at, one in enumerate((goats, ferry)):
        mind.store.memories.pin(one.id, owner="ana", at=at, most=8).result()
    mind.store.memories.pin(hers.id, owner="eva", at=1.0, most=8).result()
    found = await mind.recaller().recall("ana", "When does the ferry to Kaldor leave?", limit=2)
    assert texts_of(found)[:2] == ["goats eat grass", "the ferry to Kaldor is red"]
    assert [(one.pinned, one.fits) for one in found.items] == [(True, False), (True, True), (False, True)]
    mind.store.memories.unpin(goats.id, owner="ana").result()
    mind.store.memories.unpin(ferry.id, owner="ana").result()
    assert not any(one.pinned for one in (await mind.recaller().recall("ana", "the ferry to Kaldor", limit=2)).items)


async def test_what_is_pinned_and_no_longer_relied_on_is_not_recalled(mind: Mind) -> None:
    kept = await mind.remember("goats eat grass")
    [source] = kept.sources
    mind.store.memories.pin(kept.id, owner="ana", at=1.0, most=8).result()
    await mind.writer.put(replace(kept, sources=(replace(source, trust=Trust.UNTRUSTED),)), None)
    assert (await mind.recaller().recall("ana", "When does the ferry leave?", limit=2)).items == ()


async def test_no_more_are_given_than_wanted_and_the_best_come_first(mind: Mind) -> None:
    for number in range(30):
        await mind.remember(f"the ferry to Kaldor number {number} is white")
    await mind.remember("the ferry to Kaldor")
    found = await mind.recaller().recall("ana", "the ferry to Kaldor", limit=3)
    assert len(found.items) == 3
    assert texts_of(found)[0] == "the ferry to Kaldor"
    assert [item.score for item in found.items] == sorted((item.score for item in found.items), reverse=True)


async def test_without_an_embedder_words_alone_answer(mind: Mind) -> None:
    await mind.remember("the ferry to Kaldor leaves at noon")
    desk = EmbeddingDesk(AdmissionQueue(1, 100))
    found = await mind.recaller(desk).recall("ana", "ferry to Kaldor?", limit=5)
    assert texts_of(found) == ["the ferry to Kaldor leaves at noon"]
    assert (found.vector, found.complete, found.items[0].cosine) == (None, False, None)


class Full(FakeEmbedder):
    """Has no place."""

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        raise Overloaded("busy", retry_after=1)


async def test_when_the_embedder_has_no_place_words_alone_answer(mind: Mind) -> None:
    await mind.remember("the ferry to Kaldor leaves at noon")
    desk = EmbeddingDesk(AdmissionQueue(1, 100))
    desk.use(Full())
    found = await mind.recaller(desk).recall("ana", "ferry to Kaldor?", limit=5)
    assert (len(found.items), found.complete) == (1, False)


async def test_a_question_without_words_finds_nothing(mind: Mind) -> None:
    await mind.remember("the ferry to Kaldor leaves at noon")
    found = await mind.recaller().recall("ana", "  \n", limit=5)
    assert (found.items, found.vector) == ((), None)


async def test_a_way_of_searching_without_weight_is_not_taken(mind: Mind) -> None:
    await mind.remember("the ferry to Kaldor leaves at noon")
    question = "ferry to Kaldor?"
    by_words = await mind.recaller(vector_weight=0).recall("ana", question, limit=5)
    by_meaning = await mind.recaller(text_weight=0).recall("ana", question, limit=5)
    assert by_words.items[0].bm25 is not None
    assert (by_meaning.items[0].bm25, by_meaning.items[0].cosine is not None) == (None, True)


async def test_a_passage_knows_how_near_its_document_is(mind: Mind) -> None:
    vector = (await mind.desk.embed(["ferry"]))[0]
    document = Document(
        id="doc_1",
        owner="ana",
        title="Ferries",
        origin=Origin.DOCUMENT,
        trust=Trust.UNTRUSTED,
        hash="a" * 64,
        created=NOW,
        updated=NOW,
        vector=tuple(vector.tolist()),
    )
    mind.store.memories.put_document(document).result()
    await mind.remember("ferry at noon", document="doc_1")
    found = await mind.recaller().recall("ana", "ferry", limit=5)
    assert found.items[0].document_cosine == pytest.approx(1.0, abs=1e-6)


async def test_a_window_bounds_what_is_found(mind: Mind) -> None:
    await mind.remember("the boat is red", at=NOW - 9 * DAY)
    await mind.remember("the boat is blue", at=NOW)
    recaller = mind.recaller()
    for window, expected in (
        (Window(until=NOW - DAY), "the boat is red"),
        (Window(since=NOW - DAY), "the boat is blue"),
    ):
        assert texts_of(await recaller.recall("ana", "which boat?", limit=5, window=window)) == [expected]


async def test_a_question_of_what_was_told_then_is_answered_from_then(mind: Mind) -> None:
    await mind.remember("the boat is red", at=NOW - DAY)
    await mind.remember("the boat is blue", at=NOW)
    recaller = mind.recaller()
    for window in (None, Window()):
        found = await recaller.recall("ana", "What did I tell you about the boat yesterday?", limit=5, window=window)
        assert texts_of(found) == ["the boat is red"]
    given = Window(since=NOW - 1, until=NOW + 1)  # which says more than the question's words
    recaller = mind.recaller(floor=0)
    found = await recaller.recall("ana", "What did I tell you about the boat yesterday?", limit=5, window=given)
    assert texts_of(found) == ["the boat is blue"]


async def test_all_of_a_day_is_given_when_only_the_day_is_named(mind: Mind) -> None:
    for text, at in (("goats eat grass", NOW - DAY), ("Rui has a van", NOW - DAY), ("the boat is blue", NOW)):
        await mind.remember(text, at=at)
    for question in ("What did I tell you yesterday?", "O que é que eu te disse ontem?"):
        found = await mind.recaller().recall("ana", question, limit=5)
        assert sorted(texts_of(found)) == ["Rui has a van", "goats eat grass"]
    assert (await mind.recaller().recall("ana", "Weather yesterday?", limit=5)).items == ()


class Waiting(EmbeddedIndex):
    """Its search by words waits until it may go on."""

    go_on = threading.Event()

    def search_terms(self, terms: Sequence[str], *, owner: str, limit: int, window: Window) -> Hits:
        assert self.go_on.wait(10)
        return super().search_terms(terms, owner=owner, limit=limit, window=window)


async def test_other_work_goes_on_while_the_index_searches(mind: Mind) -> None:
    await mind.remember("the ferry to Kaldor leaves at noon")
    mind.index = Waiting(mind.store.memories, mind.store.memories, "", 1)  # type: ignore[arg-type]
    mind.index.go_on.clear()
    recalling = asyncio.create_task(mind.recaller().recall("ana", "ferry to Kaldor", limit=5))
    await asyncio.sleep(0.01)
    mind.index.go_on.set()
    assert len((await recalling).items) == 1


class Late(FakeEmbedder):
    """Embeds only once words have been searched for."""

    def __init__(self, searched: threading.Event) -> None:
        super().__init__(dimensions=256)
        self._searched = searched

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        assert await asyncio.to_thread(self._searched.wait, 10)
        return await super().embed(texts)


async def test_words_are_searched_while_the_question_is_embedded(mind: Mind, monkeypatch: pytest.MonkeyPatch) -> None:
    await mind.remember("the ferry to Kaldor leaves at noon")
    searched, search = threading.Event(), mind.index.search_terms

    def tell(terms: Sequence[str], *, owner: str, limit: int, window: Window) -> Hits:
        searched.set()
        return search(terms, owner=owner, limit=limit, window=window)

    monkeypatch.setattr(mind.index, "search_terms", tell)
    desk = EmbeddingDesk(AdmissionQueue(1, 100_000))
    desk.use(Late(searched))
    assert (await mind.recaller(desk).recall("ana", "ferry to Kaldor", limit=5)).complete


async def test_it_is_not_complete_while_vectors_are_being_rebuilt(mind: Mind, monkeypatch: pytest.MonkeyPatch) -> None:
    await mind.remember("the ferry to Kaldor leaves at noon")
    monkeypatch.setattr(EmbeddedIndex, "ready", False)
    found = await mind.recaller().recall("ana", "ferry to Kaldor", limit=5)
    assert (len(found.items), found.complete) == (1, False)


async def test_a_memory_that_is_forgotten_between_search_and_reading_is_left_out(
    mind: Mind, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = await mind.remember("the ferry to Kaldor leaves at noon")
    kept = await mind.remember("the ferry to Kaldor is white")

    def search(vector: Vector, *, owner: str, limit: int, window: Window) -> Hits:
        mind.store.memories.remove([gone.id], owner="ana").result()
        return [(gone.seq, 0.9), (kept.seq, 0.8)]

    monkeypatch.setattr(mind.index, "search_vectors", search)
    found = await mind.recaller().recall("ana", "ferry to Kaldor", limit=5)
    assert [item.memory.id for item in found.items] == [kept.id]


TOLD = {
    "sister": "My sister Helena moved to Rotterdam and works as a nurse.",
    "allergy": "I am allergic to peanuts.",
    "car": "My car is a green 1998 Volvo that needs new brakes.",
    "wedding": "The wedding is on 12 June in Sintra.",
    "printer": "The office printer is called limewood and stands on the third floor.",
    "irmão": "O meu irmão Duarte trabalha num hospital em Lisboa.",
    "cão": "O meu cão chama-se Farrusco e tem sete anos.",
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def real_mind(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mind]:
    folder = tmp_path_factory.mktemp("recall")
    embedder = LlamaEmbedder(load_model(convert_minilm(find_minilm(), folder / "minilm.gguf")), small_settings())
    await embedder.start()
    mind = Mind(folder / "data", embedder)
    for text in TOLD.values():
        await mind.remember(text)
    yield mind
    mind.close()
    await embedder.close()


@pytest.mark.engine
@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("Where does Helena live now?", "sister"),
        ("What does Helena do for a living?", "sister"),
        ("Which foods should I avoid?", "allergy"),
        ("How old is my Volvo?", "car"),
        ("When do they get married?", "wedding"),
        ("Which machine can I print on at work?", "printer"),
        ("Onde trabalha o meu irmão?", "irmão"),
        ("Como se chama o meu cão?", "cão"),
        ("Quantos anos tem o Farrusco?", "cão"),
    ],
)
async def test_what_was_told_is_found_in_other_words(real_mind: Mind, question: str, name: str) -> None:
    found = await real_mind.recaller().recall("ana", question, limit=3)
    assert texts_of(found)[:1] == [TOLD[name]]


@pytest.mark.engine
@pytest.mark.parametrize(
    "question",
    [
        "How do I reverse a linked list in C?",
        "Explain the rules of cricket.",
        "What is the boiling point of ethanol?",
        "flurb zanthic wobbelo",
        "Como se calcula a raiz quadrada de um número?",
    ],
)
async def test_a_question_of_something_else_recalls_nothing(real_mind: Mind, question: str) -> None:
    found = await real_mind.recaller().recall("ana", question, limit=3)
    assert found.items == ()
    assert found.below_floor == len(TOLD)


NAMED = (
    "The voucher dashboard is maintained by Ida Kestrel.",
    "The ticket code of the newsletter queue is HN-7761.",
    "We also call the voucher dashboard Pogla.",
    "A lixadora Pendril foi comprada em Braga.",
)


@pytest.fixture(scope="module")
async def firm(real_mind: Mind) -> Mind:
    for text in NAMED:
        await real_mind.remember(text, owner="firm")
    return real_mind


@pytest.mark.engine
@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Which colleague keeps the voucher dashboard running?", {NAMED[0]}),
        ("The vuocher dashboard has crashed, whom should I phone?", {NAMED[0]}),
        ("Under which code do I file a ticket for the newsletter queue?", {NAMED[1]}),
        ("Who looks after the voucher control panel?", {NAMED[0], NAMED[2]}),
        ("Whom do I phone about Pogla?", {NAMED[0], NAMED[2]}),
        ("Em que terra comprámos a lixadora Pendril?", {NAMED[3]}),
        ("Which colleague keeps the customs dashboard running?", set()),
        ("Which colleague keeps the voucher importer running?", set()),
        ("What is the ticket code of the loyalty ledger?", set()),
        ("Who looks after the newsletter control panel?", set()),
        ("Whom do I phone about Zorbim?", set()),
        ("Em que terra comprámos a lixadora Bristo?", set()),
        ("Qual é a capital do Japão?", set()),
        ("Bom dia!", set()),
    ],
)
async def test_what_is_told_of_one_thing_is_not_recalled_for_another(
    firm: Mind, question: str, found: set[str]
) -> None:
    got = set(texts_of(await firm.recaller().recall("firm", question, limit=5)))
    assert got >= found
    assert bool(got) == bool(found)

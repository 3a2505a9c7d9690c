"""The work of a night, step by step: lessons into themes, a theme into a job folder, the folder into an adapter.

Every step writes into DATA/nights/<night>/<theme>/ or asks the server to keep something, and may be done again. Rows
are read from a store that is closed again before training, and memory is given back before each step. It decides
nothing about when or for how long.
"""

from __future__ import annotations

import asyncio
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

from aion.config import Settings, TrainSettings
from aion.errors import BadInput
from aion.memory.base import Vector
from aion.models.adapters.convert import export_gguf
from aion.models.adapters.lora import Marks
from aion.models.adapters.served import read_served
from aion.models.catalog import LocalModel
from aion.models.durable import write_json
from aion.models.opening import require_local
from aion.models.sealed import seal_folder, sum_file
from aion.records import ExampleKind, Json, Lesson, Night
from aion.sleep.lessons.dataset import (
    Dataset,
    build_dataset,
    fill_anchors,
    leave_out_long,
    lessons_in,
    read_examples,
    write_examples,
)
from aion.sleep.lessons.due import find_learned, find_line, vary
from aion.sleep.lessons.find import collect_lessons
from aion.sleep.lessons.lineage import Line, sources_of
from aion.sleep.lessons.phrasing.make import prompt_of
from aion.sleep.lessons.reword import add_rewordings
from aion.sleep.lessons.rules import Reason
from aion.sleep.lessons.scribe import Scribe
from aion.sleep.lessons.themes import Arrangement, arrange, balance, inherit
from aion.sleep.nights.door import Door
from aion.sleep.nights.embed import embed_lessons
from aion.sleep.nights.heap import give_back
from aion.sleep.nights.kept import (
    NIGHTS,
    PREPARED,
    Present,
    drop_kept,
    find_misfit,
    is_prepared,
    keep_unfinished,
    list_kept,
    note_prepared,
    take_up,
)
from aion.sleep.training.base import EXAMPLES, IMPORTANCE, JOB, MEASURED, OUT, TOKENS, Progress, TrainJob
from aion.sleep.training.device import CPU
from aion.sleep.training.jobs import read_job, read_object, share_measured, write_job
from aion.sleep.training.offline import keep_offline
from aion.sleep.training.recipe import choose_recipe, make_recipe
from aion.sleep.training.tokens import join_tokens, save_tokens
from aion.store.blobs import BlobStore
from aion.store.files import make_folder, sync_file, sync_folder
from aion.store.sqlite import SqliteStore

ADAPTER, PARENT = "adapter.gguf", "parent"
WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"
ANCHOR_TOKENS = 96  # of a base's own answer to a general question
TOLD_AT_ONCE = 2000
LOST = (Reason.UNTRUSTED, Reason.FORGOTTEN)
MOST_SOURCES = 1000  # of a lesson that the server takes; a memory goes with its id, which comes first
LONG = "no wording of it fits a row of {length} tokens; raise train.length, then release it"
TEMPLATE_ROOM = 512  # tokens that a template and an anchor's answer may take besides a row


class NightWork:
    """Implements the `Steps` of aion.sleep.nights.workflow."""

    def __init__(self, settings: Settings, door: Door) -> None:
        self._settings = settings
        self._door = door
        self._model: LocalModel | None = None

    def arrange(self, night: Night) -> Json:
        with self._store() as store:
            lessons = collect_lessons(store, night.owner, source_share=self._settings.train.source_share)
            themes = store.nights.themes(owner=night.owner, merged=True)
            placed = store.nights.placed(owner=night.owner)
            learned = self._learned(store, night)
        vectors, embedder = asyncio.run(self._embed(lessons.lessons))
        places = inherit(placed, lessons)
        made = arrange(lessons.lessons, vectors, themes, places, embedder=embedder, now=night.asked)
        read = {one.id: one.updated for one in themes}
        self._tell_arrangement(night.owner, made, lessons.lessons, placed.keys(), read)
        waiting = Counter(theme for lesson, theme in made.placed.items() if lesson not in learned)
        kept = self._look_through_kept(night.owner, waiting)
        wanted = [one for one in made.themes if waiting[one.id] and night.theme in ("", one.id)]
        ordered = sorted(wanted, key=lambda one: (one.id not in kept, -waiting[one.id], one.id))
        return {"themes": [one.id for one in ordered], "backlog": waiting.total()}

    def name_theme(self, night: Night, theme: str) -> str:
        with self._store() as store:
            found = store.nights.theme(theme, owner=night.owner)
        return found.name if found is not None else ""

    def prepare(self, night: Night, theme: str) -> Json:
        """A job that is there, or was kept, is gone on with while it is the one that would be made now."""
        give_back()  # what the theme before has left, also where it broke off
        folder = self._folder(night, theme)
        taken_up = take_up(self._nights, night.id, theme)
        with self._store() as store:
            lessons = collect_lessons(store, night.owner, source_share=self._settings.train.source_share)
            placed = store.nights.placed(owner=night.owner)
            base, settings = self._base().sha256, self._settings.train
            line = find_line(store, night.owner, theme, base=base, settings=settings)
            learned = set() if night.forced else find_learned(store, line)
            settings = vary(store, night.owner, theme, line, settings)
        mine = [one for one in lessons.lessons if placed.get(one.id) == theme]
        misfit = find_misfit(folder, self._present(night, mine, line, settings)) if is_prepared(folder) else ""
        if is_prepared(folder) and not misfit:
            return read_object(folder / PREPARED) | {"taken_up": taken_up}
        shutil.rmtree(folder, ignore_errors=True)
        vectors, _ = asyncio.run(self._embed(mine))
        dataset = build_dataset(
            lessons,
            theme=theme,
            placed=placed,
            learned=learned,
            balance=balance(mine, vectors) if mine else {},
            settings=settings,
        )
        if not dataset.fresh or not dataset.trained:
            return {"fresh": 0, "thrown_away": misfit if taken_up else ""}
        told = self._write_job(night, theme, dataset, line, settings)
        if told["fresh"]:
            self._require_places(night.owner, told["lessons"], folder)
        return told | {"thrown_away": misfit if taken_up else ""}

    def stands(self, night: Night, theme: str) -> bool:
        return is_prepared(self._folder(night, theme))

    def find_lessons(self, night: Night, theme: str, sequences: Sequence[int]) -> list[str]:
        folder = self._folder(night, theme)
        examples = read_examples(folder / EXAMPLES, read_job(folder).dataset)
        trained = [one for one in examples if not one.held_out]
        return sorted({lesson for number in sequences for lesson in trained[number].lessons})

    def train(
        self,
        night: Night,
        theme: str,
        tell: Callable[[Progress], None],
        pause: Callable[[], None],
        asked: Callable[[], bool] = lambda: False,
    ) -> Json:
        keep_offline()
        self._require_trust(night, theme)
        give_back()
        from aion.sleep.training.train import train  # noqa: PLC0415 - torch, which the steps before do without

        folder = self._folder(night, theme)
        share_measured(folder, sorted(path.parent for path in folder.parent.glob(f"*/{MEASURED}")))
        on_processor = read_job(folder).recipe.device == CPU  # where the kernel stops it, and nothing has to leave
        trained = train(folder, tell=tell, pause=pause, asked=None if on_processor else asked)
        return {"steps": trained.steps, "loss": trained.losses[-1] if trained.losses else 0.0}

    def export(self, night: Night, theme: str) -> Json:
        give_back()
        self._require_trust(night, theme)
        folder = self._folder(night, theme)
        job = read_job(folder)
        marks = Marks(base=job.base_hash, theme=theme, night=job.night, dataset=job.dataset)
        export_gguf(folder / OUT, read_served(job.base, job.base_hash), folder / OUT / ADAPTER, marks)
        sync_file(folder / OUT / ADAPTER)
        sums = seal_folder(folder / OUT)
        return {"adapter": sums[ADAPTER]}

    def tidy(self, night: Night, done: Collection[str]) -> list[str]:
        return keep_unfinished(self._nights, night.id, done=done)

    def _write_job(self, night: Night, theme: str, dataset: Dataset, line: Line, settings: TrainSettings) -> Json:
        folder = make_folder(self._folder(night, theme))
        model, wanted = self._base(), lessons_in(dataset)
        dataset, tokens = asyncio.run(self._write_tokens(dataset))
        taught = lessons_in(dataset)
        aside = {"lessons": sorted(wanted - taught), "reason": LONG.format(length=settings.length)}
        if not dataset.fresh:
            shutil.rmtree(folder, ignore_errors=True)
            return {"fresh": 0, "aside": aside}
        named = write_examples(folder / EXAMPLES, dataset.examples)
        (folder / TOKENS).write_bytes(tokens)
        sync_file(folder / TOKENS)
        sync_folder(folder)
        recipe, choice = choose_recipe(settings, model.path)
        with self._store() as store:
            parent = bring_parent(folder, line, store.blobs)
        job = TrainJob(
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{night.id}/{theme}")),
            night=night.id,
            theme=theme,
            base=model.path,
            base_hash=model.sha256,
            recipe=recipe,
            dataset=named,
            tokens=sum_file(folder / TOKENS),
            parent=parent and Path(PARENT),
            checkpoint_s=settings.checkpoint_s,
        )
        write_job(folder, job)
        told = {
            "owner": night.owner,
            "forced": night.forced,
            "fresh": len(dataset.fresh),
            "lessons": sorted(taught),
            "aside": aside,
            "sources": sources_of(line, dataset.sources),
            "dataset": named,
            "base": model.sha256,
            "device": choice.device,
            "device_reason": choice.reason,
            "parent": line[0].id if line else "",
        }
        note_prepared(folder, told)
        return told

    async def _write_tokens(self, dataset: Dataset) -> tuple[Dataset, bytes]:
        settings = self._settings
        context = min(self._base().header.context_length or 4096, settings.train.length + TEMPLATE_ROOM)
        async with Scribe(self._base(), instruction=settings.model.instruction, context=context) as scribe:
            dataset = await add_rewordings(dataset, scribe, most=settings.train.rewordings)
            answers: dict[str, str] = {}
            for one in dataset.examples:
                if one.kind is ExampleKind.ANCHOR:
                    answers[prompt_of(one)] = await scribe.say(one.messages, max_tokens=ANCHOR_TOKENS)
            filled = fill_anchors(dataset, answers)
            written = await scribe.write(filled.trained)
        texts = {one.id: text for one, text in zip(filled.trained, written, strict=True)}
        fitting = leave_out_long(filled, [len(one.answer) for one in written], settings.train.length)
        return fitting, save_tokens(join_tokens(fitting.trained, [texts[one.id] for one in fitting.trained]))

    def _tell_arrangement(
        self,
        owner: str,
        made: Arrangement,
        lessons: Sequence[Lesson],
        known: AbstractSet[str],
        read: Mapping[str, float],
    ) -> None:
        """Only what is new of the places: what has one keeps it anyway. `read`: when each theme had changed by then."""
        themes = [
            {"id": one.id, "name": one.name, "vector": list(one.vector), "embedder": one.embedder}
            | {"read": read.get(one.id, 0.0)}
            for one in made.themes
            if not one.merged_into
        ]
        places = [
            {"lesson": one.id, "theme": made.placed[one.id], "sources": list(one.sources[:MOST_SOURCES])}
            for one in lessons
            if one.id in made.placed and one.id not in known
        ]
        for start in range(0, max(1, len(places)), TOLD_AT_ONCE):
            part = places[start : start + TOLD_AT_ONCE]
            self._door.tell("arrangement", {"owner": owner, "themes": themes, "places": part})

    async def _embed(self, lessons: Sequence[Lesson]) -> tuple[dict[str, Vector], str]:
        return await embed_lessons(self._settings, lessons)

    def _learned(self, store: SqliteStore, night: Night) -> set[str]:
        """A forced night learns everything anew."""
        return set() if night.forced else store.nights.learned(owner=night.owner, base=self._base().sha256)

    def _base(self) -> LocalModel:
        if self._model is None:
            self._model = asyncio.run(require_local(self._settings))
        return self._model

    def _present(self, night: Night, mine: Sequence[Lesson], line: Line, settings: TrainSettings) -> Present:
        model = self._base()
        return Present(
            lessons={one.id for one in mine},
            base=model.path,
            base_hash=model.sha256,
            recipe=make_recipe(settings, model.path),
            parent=line[0].id if line else "",
            forced=night.forced,
        )

    def _require_places(self, owner: str, lessons: Sequence[str], folder: Path) -> None:
        """What was forgotten while the job was made has been read before: the job goes, and is made again.

        So does one of which a part is gone: somebody else's forgetting takes away what is not whole yet.
        """
        with self._store() as store:
            placed = store.nights.placed(owner=owner)
        whole = all((folder / name).is_file() for name in (JOB, EXAMPLES, TOKENS))
        if not whole or not placed.keys() >= set(lessons):
            shutil.rmtree(folder, ignore_errors=True)

    def _require_trust(self, night: Night, theme: str) -> None:
        """What has lost its trust or its source since the job was made: the job goes, and is made again without it."""
        folder = self._folder(night, theme)
        told = read_object(folder / PREPARED)
        with self._store() as store:
            found = collect_lessons(store, night.owner, source_share=1.0)
        lost = {one.sources[0] for one in found.exclusions if one.reason in LOST and one.sources}
        missing = set(told["lessons"]) - {one.id for one in found.lessons}
        if missing and lost & set(told["sources"]):
            shutil.rmtree(folder, ignore_errors=True)
            raise BadInput("nobody stands any more behind something that the job teaches; prepare the theme again")

    def _look_through_kept(self, owner: str, waiting: Mapping[str, int]) -> set[str]:
        """Themes whose kept job may be gone on with; the others of this person's have nothing left to learn."""
        mine = {theme for theme, whose in list_kept(self._nights).items() if whose in ("", owner)}
        for theme in mine:
            if not waiting.get(theme):
                drop_kept(self._nights, theme)
        return {theme for theme in mine if waiting.get(theme)}

    @property
    def _nights(self) -> Path:
        return self._settings.data / NIGHTS

    def _folder(self, night: Night, theme: str) -> Path:
        return self._settings.data / NIGHTS / night.id / theme

    @contextmanager
    def _store(self) -> Iterator[SqliteStore]:
        store = SqliteStore(self._settings.data, read_only=True)
        try:
            yield store
        finally:
            store.close()


def bring_parent(folder: Path, line: Line, blobs: BlobStore) -> Path | None:
    """The files that training goes on from, in the job's folder."""
    if not line:
        return None
    parent = make_folder(folder / PARENT)
    (parent / WEIGHTS).write_bytes(blobs.get(line[0].peft))
    if line[0].importance:
        (parent / IMPORTANCE).write_bytes(blobs.get(line[0].importance))
    write_json(parent / CONFIG, line[0].config)
    return parent

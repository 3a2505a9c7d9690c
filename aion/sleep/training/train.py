"""Trains the adapter of one job folder: it may be killed at any moment and pointed at the folder again.

A job that is finished is not trained again. The bits of the adapter depend on the job alone (on a CPU, with the threads
that the folder remembers), not on how often it was taken up. It writes into the folder only, opens no database, and
makes no GGUF adapter of what it trained.
"""

from __future__ import annotations

import platform
import resource
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import psutil
import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from aion.errors import BadInput, Corrupt
from aion.models.adapters.lora import Marks
from aion.models.adapters.served import ServedBase, read_served
from aion.models.durable import replacing, write_json
from aion.models.sealed import seal_folder, sum_file
from aion.records import Json
from aion.sleep.training.adapt import add_adapters, list_weights, load_parent, measure_sizes, save_adapter
from aion.sleep.training.base import (
    CHECKPOINTS,
    IMPORTANCE,
    JOB,
    MEASURED,
    OUT,
    TOKENS,
    Ended,
    Progress,
    Recipe,
    Stage,
    Trained,
    TrainJob,
)
from aion.sleep.training.checkpoint import Checkpoint, latest_valid, save_checkpoint
from aion.sleep.training.graph import open_base
from aion.sleep.training.handover import Handover, list_homes
from aion.sleep.training.jobs import RECORD, read_job, read_object, read_trained
from aion.sleep.training.learner import Kept, Learner, Lessons, choose_lessons
from aion.sleep.training.nf4 import PACKAGE, hold_nf4
from aion.sleep.training.plan import MOST_ROWS, TRIES
from aion.sleep.training.tokens import load_tokens
from aion.store.files import make_folder

PACKAGES: Final = ("torch", "transformers", "peft", "safetensors", "numpy")

Tell = Callable[[Progress], None]
Pause = Callable[[], None]
Asked = Callable[[], bool]


@dataclass(slots=True)
class Run:
    """How far a training is, and how fast: by the median of its last steps, so that pauses do not count."""

    steps: int
    losses: list[float]
    tokens: int = 0
    seconds: float = 0.0  # of steps, those before it was taken up again included
    recent: deque[tuple[float, int]] | None = None

    def add(self, loss: float, tokens: int, seconds: float) -> None:
        self.losses.append(loss)
        self.tokens += tokens
        self.seconds += seconds
        self.recent = self.recent or deque(maxlen=15)
        self.recent.append((seconds, tokens))

    @property
    def pace(self) -> tuple[float, float]:
        """Seconds of a step, tokens of a second."""
        ordered = sorted(self.recent or [(0.0, 0)], key=lambda one: one[0] / max(1, one[1]))
        seconds, tokens = ordered[len(ordered) // 2]
        return seconds, tokens / seconds if seconds else 0.0

    def progress(self, stage: Stage = Stage.TRAINING) -> Progress:
        step, (seconds, rate) = len(self.losses), self.pace
        return Progress(
            stage=stage,
            step=step,
            steps=self.steps,
            loss=self.losses[-1] if self.losses else 0.0,
            tokens=self.tokens,
            tokens_per_s=rate,
            eta_s=seconds * (self.steps - step),
            peak_bytes=peak_bytes(),
        )


def train(folder: Path, *, tell: Tell, pause: Pause | None = None, asked: Asked | None = None) -> Trained:
    """`pause` is called between layers and may wait, or raise to stop: the folder can be taken up again then too.

    `asked`: whether somebody needs the memory of the device. Then a step is given up, and `pause` called without it.
    """
    done = read_trained(folder)
    if done is not None:
        return done
    tell(Progress(stage=Stage.LOADING))
    job = read_job(folder)
    base = open_served(job)
    lessons = choose_lessons(load_tokens(folder / TOKENS, job.tokens), job.recipe)
    learner = build_learner(job, base, lessons)
    tell(Progress(stage=Stage.MEASURING))
    handover = build_handover(job, learner, pause, asked)
    learner.recipe = handover.through(lambda: settle_recipe(folder, learner))
    run = run_steps(folder, job, handover, tell)
    tell(run.progress(Stage.SAVING))
    write_result(folder, job, base, handover, run)
    trained = read_trained(folder)
    if trained is None:
        raise Corrupt("the trained adapter does not read back as it was written; check the disk and train again")
    return trained


def open_served(job: TrainJob) -> ServedBase:
    found = sum_file(job.base)
    if found != job.base_hash:
        raise BadInput(
            f"the job is for the model {job.base_hash[:12]}, {job.base.name} has the sum {found[:12]}; prepare it again"
        )
    return read_served(job.base, job.base_hash)


def build_learner(job: TrainJob, base: ServedBase, lessons: Lessons) -> Learner:
    recipe = job.recipe
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.manual_seed(recipe.seed)
    model = add_adapters(open_weights(job), recipe)
    kept = None
    if job.parent is not None:
        weights = list_weights(model)
        load_parent(weights, job.parent, base, recipe)
        kept = read_kept(job.parent, {name: weight.detach().clone() for name, weight in weights.items()})
    return Learner(model, lessons, recipe, kept)


def build_handover(job: TrainJob, learner: Learner, pause: Pause | None, asked: Asked | None) -> Handover:
    """Blocks need no copy on the host where they are the mapped file's."""
    mapped = asked is not None and job.recipe.device != "cpu" and job.recipe.weights != "nf4"
    homes = list_homes(open_base(job.base).model) if mapped else {}
    made = Handover(learner, asked or (lambda: False), pause or (lambda: None), homes)
    if pause is not None or asked is not None:
        made.watch()
    return made


def open_weights(job: TrainJob) -> PreTrainedModel:
    """The base as the recipe holds it."""
    recipe, rounded = job.recipe, job.recipe.weights == "nf4"
    cached = recipe.cache or recipe.weights == "bf16"
    opened = open_base(job.base, device=recipe.device, cached=cached and not rounded)
    if rounded:
        hold_nf4(opened.model, cached=cached)
    return opened.model


def read_kept(parent: Path, old: dict[str, torch.Tensor]) -> Kept:
    if not (parent / IMPORTANCE).exists():
        return Kept(old)
    found = load_file(parent / IMPORTANCE)
    device = next(iter(old.values())).device
    parts = {
        measure: {
            name.removeprefix(f"{measure}."): one.to(device) for name, one in found.items() if name[:3] == measure
        }
        for measure in ("mas", "ewc")
    }
    return Kept(old, **parts)


def settle_recipe(folder: Path, learner: Learner) -> Recipe:
    """The recipe with numbers for what it leaves open (0): measured once, and kept in the folder."""
    recipe = learner.recipe
    if recipe.threads and recipe.micro_batch:
        return recipe
    if (folder / MEASURED).exists():
        told = read_object(folder / MEASURED)
    else:
        micro_batch = recipe.micro_batch or choose_micro_batch(learner)
        told = {"micro_batch": micro_batch, "threads": recipe.threads or measure_threads(learner, micro_batch)}
        write_json(folder / MEASURED, told)
    torch.set_num_threads(int(told["threads"]))
    return replace(recipe, threads=int(told["threads"]), micro_batch=int(told["micro_batch"]))


def choose_micro_batch(learner: Learner) -> int:
    """1 to 4 rows, by what one row takes and half of the memory that is free."""
    before = psutil.Process().memory_info().rss
    learner.try_rows(learner.steps[0][:1])
    taken = max(1 << 20, peak_bytes() - before)
    return int(
        max(
            1, min(MOST_ROWS, max(len(step) for step in learner.steps), psutil.virtual_memory().available // 2 // taken)
        )
    )


def measure_threads(learner: Learner, micro_batch: int) -> int:
    """As many threads as compute a micro-batch fastest, from 1 to the cores; more only when clearly faster."""
    rows = learner.steps[0][:micro_batch]
    best, fastest = 1, float("inf")
    for threads in range(1, (psutil.cpu_count(logical=False) or 1) + 1):
        torch.set_num_threads(threads)
        learner.try_rows(rows)
        seconds = min(_time(learner, rows) for _ in range(TRIES))
        if seconds < fastest * 0.95:
            best, fastest = threads, seconds
    return best


def _time(learner: Learner, rows: tuple[tuple[int, ...], ...]) -> float:
    begin = time.perf_counter()
    learner.try_rows(rows)
    return time.perf_counter() - begin


def run_steps(folder: Path, job: TrainJob, handover: Handover, tell: Tell) -> Run:
    identity, learner = sum_file(folder / JOB), handover.learner
    run = Run(steps=len(learner.steps), losses=[])
    found = latest_valid(folder / CHECKPOINTS, identity)
    if found is not None:
        learner.restore(dict(found.tensors), found.step)
        run.losses, run.tokens, run.seconds = (found.notes[name] for name in ("losses", "tokens", "seconds"))
    saved, kept = time.monotonic(), len(run.losses)
    try:
        while len(run.losses) < run.steps:
            begin = time.perf_counter()
            stepped = handover.through(lambda: learner.step(len(run.losses)))
            run.add(stepped.loss, stepped.tokens, time.perf_counter() - begin)
            tell(run.progress())
            if time.monotonic() - saved >= job.checkpoint_s and len(run.losses) < run.steps:
                save_run(folder, identity, learner, run)
                saved, kept = time.monotonic(), len(run.losses)
    except Ended:  # a step that was begun has not touched the weights
        if len(run.losses) > kept:
            save_run(folder, identity, learner, run)
        raise
    return run


def save_run(folder: Path, identity: str, learner: Learner, run: Run) -> None:
    notes: Json = {"job": identity, "losses": run.losses, "tokens": run.tokens, "seconds": run.seconds}
    save_checkpoint(folder / CHECKPOINTS, Checkpoint(len(run.losses), learner.state(), notes))


def write_result(folder: Path, job: TrainJob, base: ServedBase, handover: Handover, run: Run) -> None:
    out, learner = make_folder(folder / OUT), handover.learner
    marks = Marks(base=job.base_hash, theme=job.theme, night=job.night, dataset=job.dataset)
    sizes = handover.through(lambda: measure_sizes(learner.model, job.recipe.seed)) if job.recipe.leave_out else {}
    save_adapter(learner.weights, out, base=base, marks=marks, recipe=job.recipe, sizes=sizes)
    importance = handover.through(learner.measure_importance)
    if importance:
        with replacing(out / IMPORTANCE) as temporary:
            save_file(importance, temporary)
    write_json(out / RECORD, record_of(job, learner, run))
    seal_folder(out)


def record_of(job: TrainJob, learner: Learner, run: Run) -> Json:
    packages = (*PACKAGES, *([PACKAGE] if learner.recipe.weights == "nf4" else []))
    return {
        "recipe": asdict(learner.recipe),
        "base": job.base_hash,
        "dataset": job.dataset,
        "tokens_file": job.tokens,
        "losses": run.losses,
        "tokens": run.tokens,
        "seconds": round(run.seconds, 3),
        "tokens_per_s": round(run.tokens / run.seconds, 1) if run.seconds else 0.0,
        "peak_bytes": peak_bytes(),
        "refused": {str(number): reason for number, reason in learner.lessons.refused.items()},
        "weights_trained": sum(weight.numel() for weight in learner.weights.values()),
        "versions": {name: version(name) for name in packages} | {"python": platform.python_version()},
    }


def peak_bytes() -> int:
    """The most memory this process ever held, on the GPU where it has one."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_reserved())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if platform.system() == "Darwin" else 1024)

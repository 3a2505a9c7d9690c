"""What the parts of a night hand each other: the folder of one training job, its recipe and its result.

A job is a folder that a trainer can be pointed at, killed on, and pointed at again. It holds, besides checkpoints:

    job.json             a TrainJob; written first, never changed
    examples.jsonl       every Example, one a line; its sha256 is the dataset's name
    tokens.safetensors   the same examples that are trained, as the served model reads them (see TOKENS)
    checkpoints/         see aion.sleep.training.checkpoint
    out/                 adapter_model.safetensors, adapter_config.json, adapter.gguf, record.json, manifest.json (last)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from aion.records import Json

JOB, EXAMPLES, TOKENS, OUT, CHECKPOINTS = "job.json", "examples.jsonl", "tokens.safetensors", "out", "checkpoints"
MEASURED = "measured.json"  # numbers for what a recipe leaves open; the same when it is taken up again
IMPORTANCE = "importance.safetensors"  # in out/ when old weights are held to, and in the folder of a parent

MOST_TIMES = 4  # as often as asked, at most, where few examples are seen more often
# Tensors of TOKENS. Sequence i is ids[offsets[i]:offsets[i + 1]]; `labels` marks with 1 the tokens that are learned.
IDS, LABELS, OFFSETS, WEIGHTS, KINDS = "ids", "labels", "offsets", "weights", "kinds"


class Ended(Exception):  # noqa: N818 - what happened, not a fault
    """Raised by whoever a training tells, or asks whether it may go on: it ends, and can be taken up again."""


class Stage(StrEnum):
    """Where a training job is."""

    LOADING = "loading"
    MEASURING = "measuring"  # threads and the size of a micro-batch
    TRAINING = "training"
    SAVING = "saving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that decides what a training job computes. The same tokens and base give the same adapter on a CPU."""

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    learning_rate: float = 1e-3
    epochs: float = 4.0
    least_steps: int = 0  # few examples are seen more often, until there are so many steps
    warmup: float = 0.05
    floor: float = 0.1
    weight_decay: float = 0.0
    clip: float = 1.0
    label_smoothing: float = 0.0
    leave_out: float = 0.0  # of the pairs of matrices, those that change least
    length: int = 512
    tokens_per_step: int = 256
    micro_batch: int = 1
    threads: int = 1
    device: str = "cpu"
    weights: str = "gguf"  # gguf, nf4, bf16
    cache: bool = True  # blocks stay dequantised to bf16
    recompute: bool = False  # gradient checkpointing
    kl: float = 0.1
    mas: float = 0.0
    ewc: float = 0.0
    seed: int = 1


def times_seen(recipe: Recipe, tokens: int) -> float:
    """Times that each of so many tokens is trained: more often than asked where that would be too few steps."""
    wanted = recipe.least_steps * recipe.tokens_per_step / max(1, tokens)
    return max(recipe.epochs, min(wanted, MOST_TIMES * recipe.epochs))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob:
    """One adapter to train."""

    id: str
    night: str
    theme: str
    base: Path  # the GGUF that is served
    base_hash: str
    recipe: Recipe
    dataset: str  # sha256 of examples.jsonl
    tokens: str  # sha256 of tokens.safetensors
    parent: Path | None = None  # folder of the adapter it goes on from: PEFT files, and importance.safetensors if any
    checkpoint_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where training is; told after each step."""

    stage: Stage
    step: int = 0
    steps: int = 0
    loss: float = 0.0
    tokens: int = 0  # real ones, padding not counted, since the start
    tokens_per_s: float = 0.0
    eta_s: float = 0.0
    peak_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a finished job left in its out/ folder."""

    folder: Path
    files: Mapping[str, str]  # name -> sha256
    steps: int
    losses: tuple[float, ...] = field(default=())
    record: Json = field(default_factory=dict)

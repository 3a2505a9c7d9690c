"""The groups of settings, each with its help beside it. How they are read and merged is in `aion.config`."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

AUTO: Literal["auto"] = "auto"
EMBEDDED = "embedded"
Auto = Literal["auto"]


class Section(BaseModel):
    """A group of settings: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(Section):
    """The HTTP door."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Any other than loopback needs an API key to exist first."
    )
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Extra names accepted in the Host header, such as the one a reverse proxy uses."
    )
    max_body_bytes: int = Field(8 << 20, ge=1024, le=1 << 30, description="Largest request body.")
    max_header_bytes: int = Field(32 << 10, ge=1024, le=1 << 20, description="Largest block of request headers.")
    body_timeout_s: float = Field(30.0, gt=0, le=600, description="How long a request body may take to arrive.")
    shutdown_grace_s: float = Field(
        5.0, ge=0, le=8, description="How long running answers may go on after a stop signal."
    )

    @field_validator("host")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if value == "localhost":
            return "127.0.0.1"
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError("must be an IP address such as 127.0.0.1") from None
        return value

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback


class ModelSettings(Section):
    """The base model that answers."""

    source: str = Field(
        EMBEDDED,
        description="`embedded`, FILE.gguf, hf:owner/name:file, or openai:URL (openai:URL#name picks one of several).",
    )
    name: str = Field("aion", pattern=r"^[\w.:-]{1,64}$", description="The name clients use for it.")
    api_key: SecretStr | None = Field(
        None, description="Key for an openai: source; only sent over https or to loopback."
    )
    system_prompt: str = Field(
        AUTO,
        max_length=4000,
        description="Used when a request brings no system message. auto: a short one for the embedded model, whose own "
        "misleads it, and none for others; empty: none.",
    )
    temperature: float | Auto = Field(
        AUTO,
        description="Used when a request names none, 0 to 2. auto: 0.2 for the embedded model, which wanders at more, "
        "and the engine's own for others.",
    )

    @field_validator("temperature")
    @classmethod
    def _is_in_range(cls, value: float | str) -> float | str:
        if isinstance(value, float) and not 0 <= value <= 2:
            raise ValueError("must be auto or between 0 and 2")
        return value

    @property
    def instruction(self) -> str:
        """The system message of a request without one; empty for none."""
        if self.system_prompt != AUTO:
            return self.system_prompt
        return "You are a helpful assistant. Answer in one short sentence." if self.source == EMBEDDED else ""

    @property
    def usual_temperature(self) -> float | None:
        if self.temperature != AUTO:
            return float(self.temperature)
        return 0.2 if self.source == EMBEDDED else None


class EmbedderSettings(Section):
    """The model that turns text into vectors."""

    source: str = Field("embedded", description="`embedded` (MiniLM, English), FILE.gguf or hf:owner/name:file.")
    name: str = Field("aion-embed", pattern=r"^[\w.:-]{1,64}$", description="The name clients use for it.")


class EngineSettings(Section):
    """llama.cpp in its child process."""

    context: int = Field(
        4096,
        ge=256,
        le=1 << 20,
        description="Tokens one request may use, question and answer together; capped by the model's own.",
    )
    slots: int = Field(4, ge=1, le=64, description="Requests answered at the same time.")
    threads: int | Auto = Field(
        AUTO,
        description="Threads per engine; auto takes the physical cores and steps down while another program is busy.",
    )
    batch: int | Auto = Field(
        AUTO, description="Prompt tokens per step; small steps let a gone client's slot be freed sooner."
    )
    gpu_layers: int | Auto = Field(AUTO, description="Layers put on the GPU; auto puts as many as fit.")
    queue_tokens: int = Field(
        65536, ge=256, le=1 << 30, description="Tokens of waiting work before new requests get 429."
    )
    start_timeout_s: float = Field(
        120.0, gt=0, le=3600, description="How long a model may take to load and prove itself."
    )
    stall_timeout_s: float = Field(
        120.0, gt=0, le=3600, description="How long an engine may say nothing before it is taken for hung."
    )

    @field_validator("threads", "batch")
    @classmethod
    def _is_positive(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 1 <= value <= 4096:
            raise ValueError("must be auto or between 1 and 4096")
        return value


class AnswerSettings(Section):
    """Defaults of an answer."""

    max_tokens: int = Field(1024, ge=1, le=1 << 20, description="Longest answer when the request names no limit.")
    max_choices: int = Field(8, ge=1, le=64, description="Largest `n` of a request.")


class ContextSettings(Section):
    """What the base is given to read."""

    tokens: int | Auto = Field(
        AUTO, description="Most tokens of a prompt; auto: what the model's context leaves beside the answer."
    )
    recall_share: float = Field(
        0.25, ge=0, le=0.9, description="Largest part of those tokens that recalled memories may take."
    )
    recall_items: int = Field(5, ge=0, le=50, description="Most memories put before the model; 0 recalls nothing.")
    recent_turns: int = Field(
        4, ge=1, le=100, description="Latest exchanges kept word for word when older ones must be summarised."
    )

    @field_validator("tokens")
    @classmethod
    def _is_large_enough(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 128 <= value <= 1 << 20:
            raise ValueError("must be auto or between 128 and 1048576")
        return value


class MemorySettings(Section):
    """What is remembered, and how it is found."""

    from_chat: bool = Field(default=True, description="Whether statements made in conversations are remembered.")
    floor: float = Field(
        0.35,
        ge=0,
        le=1,
        description="Smallest cosine of a memory to the question; what the two name makes it less or more.",
    )
    candidates: int = Field(50, ge=5, le=1000, description="Memories each way of searching brings to the fusion.")
    rrf_k: float = Field(20.0, gt=0, le=1000, description="Constant of reciprocal rank fusion: 1 / (k + rank).")
    vector_weight: float = Field(1.0, ge=0, le=10, description="Weight of the search by meaning.")
    text_weight: float = Field(0.6, ge=0, le=10, description="Weight of the search by words.")
    entity_boost: float = Field(
        0.1, ge=0, le=10, description="Added share of the score when all entities of a question stand in a memory."
    )
    document_boost: float = Field(
        0.1, ge=0, le=10, description="Added share by likeness of a passage's whole document."
    )
    word_budget: int = Field(
        8000, ge=100, le=10_000_000, description="Index entries one keyword search may read: rarest words first."
    )
    duplicate_cosine: float = Field(
        0.95, ge=0.5, le=1, description="From here on two memories of the same words, numbers and names are one."
    )
    ema_c: float = Field(0.5, gt=0, le=1, description="c of a document vector's step min(1, c / (n + 1)).")


class CacheSettings(Section):
    """Answers given again to a question asked again."""

    hours: float = Field(24.0, ge=0, le=8760, description="How long an answer may be given again; 0 turns it off.")
    entries: int = Field(1000, ge=1, le=1_000_000, description="Most answers kept for one person.")
    cosine: float = Field(0.97, ge=0.8, le=1, description="Likeness from which two first questions count as the same.")
    reward: float = Field(0.25, ge=-1, le=1, description="Reward from which an answer was well received.")


class LearningSettings(Section):
    """How experience is judged."""

    tau: float = Field(0.62, ge=0, le=1, description="Confidence below which an answer counts as uncertain.")
    implicit_weight: float = Field(0.7, ge=0, le=1, description="Weight of implicit signals in a reward.")
    emotional_weight: float = Field(0.3, ge=0, le=1, description="Weight of emotion in a reward.")
    uncertainty_weight: float = Field(0.3, ge=0, le=1, description="Weight of uncertainty in a priority.")
    error_weight: float = Field(0.3, ge=0, le=1, description="Weight of errors in a priority.")
    satisfaction_weight: float = Field(0.2, ge=0, le=1, description="Weight of a strong reward in a priority.")
    novelty_weight: float = Field(0.2, ge=0, le=1, description="Weight of novelty in a priority.")
    cluster_cosine: float = Field(0.5, ge=0, le=1, description="Likeness from which a question joins a cluster.")
    model_emotion: bool = Field(
        default=False,
        description="Whether the base is asked how a person sounds, too; the embedded one is not able to.",
    )
    calibration_samples: int = Field(
        30,
        ge=10,
        le=100_000,
        description="Judged answers needed before confidence is calibrated, among them at least 5 good and 5 bad.",
    )
    resamples: int = Field(
        0, ge=0, le=8, description="Extra answers drawn to see whether the model agrees with itself."
    )
    abandoned_minutes: float = Field(
        30.0, gt=0, le=10_080, description="Silence after which a conversation counts as left."
    )


class TelemetrySettings(Section):
    """Numbers of the machine, and for other programs."""

    keep_days: int = Field(90, ge=1, le=36_500, description="Days for which what the machine was doing is kept.")
    otlp_endpoint: str = Field(
        "",
        pattern=r"^(https?://.+)?$",
        description="OpenTelemetry collector for traces, such as http://127.0.0.1:4318; empty sends nothing.",
    )


class HubSettings(Section):
    """Where hf: models come from."""

    endpoint: str = Field("https://huggingface.co", pattern=r"^https?://", description="Base address of the model hub.")
    token: SecretStr | None = Field(
        None, description="Access token for gated models; only sent over https or to loopback."
    )


class LogSettings(Section):
    """What is written to the log; never what people say."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least important level written.")
    json_lines: bool = Field(default=False, description="One JSON object a line instead of text.")


class SleepSettings(Section):
    """When AION learns, and how."""

    auto: bool = Field(default=True, description="Whether AION falls asleep by itself when idle and with a reason.")
    idle_minutes: float = Field(10.0, ge=0, le=1440, description="Minutes without a request before it may sleep.")
    idle_percent: float = Field(30.0, gt=0, le=100, description="CPU and GPU use below which the machine is idle.")
    cooldown_hours: float = Field(
        6.0, ge=0, le=168, description="Shortest time from one night to one that begins by itself."
    )
    check_minutes: float = Field(60.0, gt=0, le=1440, description="How often it looks for a reason to sleep.")
    experiences: int = Field(50, ge=1, le=100_000, description="High-priority experiences that are a reason to sleep.")
    priority: float = Field(0.5, ge=0, le=1, description="Priority from which an experience counts towards them.")
    error_pattern: int = Field(3, ge=2, le=1000, description="Errors in one theme that are a reason to sleep.")
    tau_ndcg: float = Field(
        0.82, ge=0, le=1, description="Recall quality (nDCG@10) below which there is a reason to sleep."
    )
    quiet_s: float = Field(30.0, ge=0, le=3600, description="Seconds without a request before paused training goes on.")
    starved_nights: int = Field(3, ge=1, le=100, description="Interrupted nights after which a window is asked for.")
    window: str = Field(
        "",
        pattern=r"^((?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d)?$",
        description="Hours of each day, as 03:00-05:00, in which a night works on beside requests; empty: none.",
    )
    max_minutes: float = Field(
        240.0, gt=0, le=1440, description="Longest training of a night, pauses not counted; one step at least."
    )
    disk_reserve_mb: int = Field(512, ge=0, le=1 << 20, description="Free disk space a night leaves, in MiB.")


class RouterSettings(Section):
    """Which of a person's adapters take part in an answer."""

    strategy: Literal["embedding", "keyword", "model", "network"] = Field(
        "embedding",
        description="embedding: names and likeness to what was taught; keyword: names alone; model: the base is asked; "
        "network: one that nights train. What a strategy lacks, embedding does.",
    )


class GateSettings(Section):
    """What may be served, and how a new adapter comes into use."""

    auto: bool = Field(
        default=True, description="Whether what passes its examination is served by itself; else a person promotes it."
    )
    trial_hours: float = Field(
        24.0, ge=0, le=720, description="How long a new adapter is on trial, and goes back by itself; 0: no trial."
    )
    trial_share: float = Field(
        1.0, gt=0, le=1, description="Part of the conversations that get a new adapter while it is on trial."
    )


class TrainSettings(Section):
    """How an adapter is trained."""

    rank: Literal[4, 8, 16] = Field(8, description="Rank of the adapters: more holds more and takes more memory.")
    alpha: float = Field(16.0, gt=0, le=256, description="LoRA's alpha: the update is scaled by alpha / rank.")
    learning_rate: float = Field(1e-3, gt=0, le=0.1, description="Peak learning rate.")
    epochs: float = Field(4.0, gt=0, le=100, description="Times each example is seen.")
    least_steps: int = Field(
        32, ge=0, le=10_000, description="Steps below which examples are seen more often, up to four times as often."
    )
    warmup: float = Field(0.05, ge=0, le=0.5, description="Share of the steps in which the learning rate rises.")
    floor: float = Field(0.1, ge=0, le=1, description="Share of the peak learning rate it falls to.")
    weight_decay: float = Field(0.0, ge=0, le=1, description="AdamW's weight decay of the adapters.")
    clip: float = Field(1.0, gt=0, le=100, description="Largest norm of a step's gradient.")
    label_smoothing: float = Field(0.0, ge=0, le=0.5, description="Share of probability given to all other tokens.")
    leave_out: float = Field(
        0.25,
        ge=0,
        lt=1,
        description="Share of an adapter's matrices left out: those that change least slow it as much.",
    )
    length: int = Field(512, ge=64, le=32_768, description="Most tokens of one packed row, and of one example.")
    tokens_per_step: int = Field(256, ge=64, le=1 << 20, description="Tokens whose gradients make one step.")
    micro_batch: int | Auto = Field(AUTO, description="Packed rows computed at once; auto: 1 to 4, from free memory.")
    threads: int | Auto = Field(AUTO, description="Processor threads of training; auto: measured before it starts.")
    device: str = Field(AUTO, description="auto, cpu, cuda, or one of several: cuda:1.")
    weights: Literal["gguf", "nf4", "bf16"] = Field(
        "gguf",
        description="How the frozen base is held: the served blocks, those as bf16, or NF4 (needs bitsandbytes).",
    )
    cache: Literal["auto", "always", "never"] = Field(
        AUTO, description="Whether blocks stay dequantised to bf16 in memory; auto: when they fit."
    )
    checkpoint_s: float = Field(120.0, gt=0, le=3600, description="Seconds of training between two checkpoints.")
    replay: float = Field(0.5, ge=0, le=0.9, description="Share of tokens from the theme's earlier nights.")
    replay_each: int = Field(5, ge=0, le=50, description="Wordings of each earlier lesson at least.")
    anchors: float = Field(0.1, ge=0, le=0.9, description="Share of tokens from the base's own general answers.")
    anchors_least: int = Field(
        0, ge=0, le=50, description="General questions at least, in both languages; a gentler second try: 8."
    )
    kl: float = Field(0.1, ge=0, le=100, description="Weight of the divergence from the base on anchors.")
    mas: float = Field(
        0.0, ge=0, le=1e6, description="Pull to weights that earlier nights used (MAS); 0: off, from 0.2 it shows."
    )
    ewc: float = Field(
        0.0, ge=0, le=1e6, description="Pull to weights that earlier nights rest on (EWC); 0: off, from 1 it shows."
    )
    held_out: int = Field(2, ge=1, le=20, description="Phrasings of each lesson put aside for the examination.")
    contrasts: int = Field(
        1, ge=0, le=8, description="Near misses trained for each lesson; more than two teach to refuse what was taught."
    )
    rewordings: int = Field(
        1, ge=0, le=2, description="Wordings of each new lesson asked of the base itself, learned where it agrees."
    )
    source_share: float = Field(0.05, gt=0, le=1, description="Largest part of the lessons that one document may give.")
    seed: int = Field(1, ge=0, description="Seed of everything that is drawn at random.")

    @field_validator("rank", mode="before")
    @classmethod
    def _read_number(cls, value: object) -> object:
        """Variables and forms hold words, and a choice among numbers reads none."""
        return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value

    @field_validator("micro_batch", "threads")
    @classmethod
    def _is_positive(cls, value: int | str) -> int | str:
        if isinstance(value, int) and not 1 <= value <= 256:
            raise ValueError("must be auto or between 1 and 256")
        return value

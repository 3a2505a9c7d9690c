"""What every OpenAI-shaped request shares: the `aion` field, sampling values with their ranges, and the model's name.

Fields that OpenAI defines and AION cannot honour are refused by name; unknown fields are ignored, as clients send many.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from aion.config import ModelSettings
from aion.errors import BadInput
from aion.models.base import Sampling
from aion.records import Json

MAX_TOKENS = 1_000_000
Scale = Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)]
StopText = Annotated[str, StringConstraints(min_length=1, max_length=256)]
ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][\w.:-]{0,63}$")]


class Strict(BaseModel):
    """Values of the right JSON type only: "1" is not a number here."""

    model_config = ConfigDict(extra="ignore", strict=True)


class AionOptions(BaseModel):
    """AION's own wishes, in one place; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    recall: bool = Field(default=True, description="Whether what is remembered may stand in the prompt.")
    cache: bool = Field(default=True, description="Whether an earlier answer to the same question may be given again.")
    adapters: Literal["auto", "none"] | Annotated[dict[str, Scale], Field(max_length=16)] = Field(
        "auto", description="`auto`, `none`, or the scale of each adapter wanted by name."
    )
    conversation: ConversationId | None = Field(
        None, description="Where the turn belongs; without it, the conversation its messages continue, or a new one."
    )


class SamplingRequest(Strict):
    """How words are chosen; ranges are OpenAI's, top_k, min_p and repeat_penalty are llama.cpp's."""

    model: str | None = Field(None, max_length=256)
    stream: bool | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    top_k: int | None = Field(None, ge=0, le=100_000)
    min_p: float | None = Field(None, ge=0, le=1)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    repeat_penalty: float | None = Field(None, ge=0.1, le=2)
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1)
    stop: StopText | Annotated[list[StopText], Field(max_length=16)] | None = None
    logit_bias: Annotated[dict[str, Annotated[float, Field(ge=-100, le=100)]], Field(max_length=300)] | None = None
    n: int | None = Field(None, ge=1, le=64)
    user: str | None = Field(None, max_length=512)
    aion: AionOptions = Field(default_factory=AionOptions)

    @model_validator(mode="after")
    def _token_ids_are_numbers(self) -> Self:
        for key in self.logit_bias or {}:
            if not key.isascii() or not key.isdigit() or int(key) >= 2**31:
                raise ValueError(f"logit_bias keys are token ids such as '42', not {key[:40]!r}")
        return self

    def sampling(self, max_tokens: int, settings: ModelSettings) -> Sampling:
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        return Sampling(
            max_tokens=max_tokens,
            temperature=settings.usual_temperature if self.temperature is None else self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            min_p=self.min_p,
            frequency_penalty=self.frequency_penalty,
            presence_penalty=self.presence_penalty,
            repeat_penalty=self.repeat_penalty,
            seed=None if self.seed is None else self.seed % 2**32,
            stop=stop,
            logit_bias=self.logit_bias or {},
        )

    def choices(self, limit: int) -> int:
        if (self.n or 1) > limit:
            raise BadInput(f"n is {self.n}; this server gives between 1 and {limit} choices", param="n")
        return self.n or 1

    def recorded(self) -> Json:
        """What was asked besides the messages, for the record."""
        return self.model_dump(exclude={"messages", "prompt", "input", "aion"}, exclude_none=True, by_alias=True) | {
            "aion": self.aion.model_dump(exclude_none=True)
        }


def refuse_fields(values: Any, reasons: dict[str, str]) -> Any:
    """Refuse a field OpenAI defines and we cannot honour, when it is really asked for."""
    if isinstance(values, dict):
        for name, reason in reasons.items():
            if values.get(name) not in (None, False, [], {}):
                raise ValueError(f"{name} is not supported here: {reason}")
    return values


def with_system(job_messages: tuple[Json, ...], system_prompt: str) -> tuple[Json, ...]:
    """Put the configured system prompt in front when the request brings none of its own."""
    if not system_prompt or any(message["role"] == "system" for message in job_messages):
        return job_messages
    return ({"role": "system", "content": system_prompt}, *job_messages)

"""What POST /v1/completions and POST /v1/embeddings may hold, with the range of every value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from aion.config import Settings
from aion.errors import BadInput
from aion.models.base import Job
from aion.serve.openai.base import MAX_TOKENS, SamplingRequest, Strict, refuse_fields
from aion.serve.openai.chat_request import StreamOptions

MAX_INPUTS = 2048
FOREIGN_IDS = "token ids belong to another model's vocabulary; send text (LangChain: check_embedding_ctx_length=False)"


def refuse_token_ids(value: Any) -> Any:
    """Ids of a foreign vocabulary would be embedded or continued as nonsense."""
    items = value if isinstance(value, list) else []
    if any(isinstance(item, int | list) and not isinstance(item, bool) for item in items[:MAX_INPUTS]):
        raise ValueError(FOREIGN_IDS)
    return value


class CompletionRequest(SamplingRequest):
    """The body of POST /v1/completions: a bare prompt, continued."""

    prompt: Annotated[str, StringConstraints(min_length=1)] | Annotated[list[str], Field(min_length=1, max_length=1)]
    max_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS)
    logprobs: int | None = Field(None, ge=0, le=5)
    echo: bool | None = None
    stream_options: StreamOptions | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_what_is_not_here(cls, values: Any) -> Any:
        best_of = values.get("best_of") if isinstance(values, dict) else None
        if best_of not in (None, 1):
            raise ValueError("best_of is not supported here: ask for n choices and take the best yourself")
        return refuse_fields(values, {"suffix": "this model cannot fill in the middle"})

    @field_validator("prompt", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        return refuse_token_ids(value)

    @property
    def text(self) -> str:
        return self.prompt if isinstance(self.prompt, str) else self.prompt[0]

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    def job(self, settings: Settings) -> Job:
        if not self.text:
            raise BadInput("prompt[0] is empty; send some text to continue", param="prompt[0]")
        return Job(
            prompt=self.text,
            sampling=self.sampling(self.max_tokens or min(settings.answer.max_tokens, 16), settings.model),
            top_logprobs=self.logprobs or 0,
            adapters=self.aion.adapters,
        )


class EmbeddingRequest(Strict):
    """The body of POST /v1/embeddings."""

    model: str | None = Field(None, max_length=256)
    input: str | Annotated[list[str], Field(min_length=1, max_length=MAX_INPUTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(None, ge=1, le=65_536)
    user: str | None = Field(None, max_length=512)

    @field_validator("input", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        return refuse_token_ids(value)

    def texts(self) -> list[str]:
        """The inputs; an empty one is refused by its index."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        for number, text in enumerate(texts):
            if not text.strip():
                where = "input" if isinstance(self.input, str) else f"input[{number}]"
                raise BadInput(f"{where} is empty; there is nothing to embed", param=where)
        return texts

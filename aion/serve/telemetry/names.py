"""The names our traces use, of OpenTelemetry's conventions for generative AI, which are still in development.

They stand here and nowhere else, so that a renamed convention is one change. None of them is for what people say:
`gen_ai.input.messages`, `gen_ai.output.messages`, `gen_ai.system_instructions` and the like are left out for good.
"""

from __future__ import annotations

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
CONVERSATION = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_TOP_P = "gen_ai.request.top_p"
REQUEST_TOP_K = "gen_ai.request.top_k"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty"
REQUEST_CHOICES = "gen_ai.request.choice.count"
REQUEST_STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
RESPONSE_FINISH = "gen_ai.response.finish_reasons"
RESPONSE_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"  # seconds
USAGE_INPUT = "gen_ai.usage.input_tokens"
USAGE_OUTPUT = "gen_ai.usage.output_tokens"
USAGE_CACHED = "gen_ai.usage.cache_read.input_tokens"
ERROR_TYPE = "error.type"
SERVICE_NAME = "service.name"
SERVICE_VERSION = "service.version"

CHAT = "chat"
TEXT_COMPLETION = "text_completion"

# AION's own
OUTCOME = "aion.turn.outcome"
MODEL_HASH = "aion.model.hash"
CACHE_OUTCOME = "aion.cache.outcome"
RECALL_OUTCOME = "aion.recall.outcome"
RECALL_ITEMS = "aion.recall.items"
CONFIDENCE = "aion.confidence"

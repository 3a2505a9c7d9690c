"""Asks the base how a person sounds, where the settings say that the base is able to (learning.model_emotion).

Off by default: the embedded base answers this no better than chance. What it says is blended with what the lexicon
reads, and never decides alone. A busy or failing base is no reason to wait: then there is no reading.
"""

from __future__ import annotations

from aion.answer.context import guess_tokens
from aion.answer.generate import say
from aion.errors import AionError
from aion.memory.block import defuse
from aion.models.base import Generator, Job, Sampling
from aion.models.queue import AdmissionQueue

LONGEST = 1000  # characters read
WORDS = {"satisfied": 0.8, "neutral": 0.0, "frustrated": -0.8}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "mood",
        "schema": {
            "type": "object",
            "properties": {"mood": {"type": "string", "enum": list(WORDS)}},
            "required": ["mood"],
            "additionalProperties": False,
        },
    },
}
TASK = (
    "A person wrote the message below to an assistant, after its answer. How do they sound about the answer: "
    "satisfied, neutral or frustrated?\n<earlier>\n{text}\n</earlier>"
)


class MoodReader:
    """One base behind its queue."""

    def __init__(self, generator: Generator, queue: AdmissionQueue) -> None:
        self._generator = generator
        self._queue = queue

    async def read(self, text: str) -> float | None:
        """From -1 to 1; None when the base gave no reading."""
        task = TASK.format(text=defuse(text[:LONGEST]))
        job = Job(
            messages=({"role": "user", "content": task},),
            sampling=Sampling(max_tokens=16, temperature=0.0),
            response_format=SCHEMA,
            adapters="none",
        )
        try:
            said = await say(self._generator, self._queue, job, guess_tokens(task) + 16)
        except AionError:
            return None
        return next((value for word, value in WORDS.items() if f'"{word}"' in said), None)

"""Shows that a loaded adapter is at work, and that it is gone when switched off: a known prompt, answered both ways.

A probe is made once, when an adapter is examined, from a prompt that it answers differently from the base. It says
nothing of how good the answer is, and tells nobody what was asked or answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aion.errors import Unavailable, Unfit
from aion.models.llama.process import EngineProcess, lora_field
from aion.models.llama.slots import count_shared
from aion.models.llama.spec import Probe
from aion.models.wire import CHAT

TOKENS = 12
ALTERNATIVES = 5
TOLERANCE = 0.25  # of the first token's log-probability: other threads or devices moved it by less than 0.1
LEAST_MARGIN = 0.1  # between the likeliest token and the other answer's, or rounding alone could tip the balance
CLEAR_MARGIN = 2.0  # no better prompt is looked for


@dataclass(frozen=True, slots=True)
class Answer:
    """The likeliest answer, token by token."""

    tokens: tuple[str, ...]
    logprob: float  # of its first token
    alternatives: tuple[Mapping[str, float], ...]  # of each token, itself among them

    @property
    def text(self) -> str:
        return "".join(self.tokens)


async def check_probes(process: EngineProcess) -> None:
    """Raises Unfit with the adapters whose probe shows them not at work at scale 1, or still at work at scale 0."""
    adapters = enumerate(process.spec.adapters)
    faults = {one.name: await _find_fault(process, number, one.probe) for number, one in adapters if one.probe}
    unfit = {name: fault for name, fault in faults.items() if fault}
    if unfit:
        told = "; ".join(f"{name!r} {fault}" for name, fault in unfit.items())
        raise Unfit(f"the new engine failed its proof: {told}", tuple(unfit))


async def _find_fault(process: EngineProcess, number: int, probe: Probe) -> str:
    on = await _answer(process, number, probe.messages, 1.0)
    off = await _answer(process, number, probe.messages, 0.0)
    if not _is_recorded(on, probe.taught, probe.taught_logprob, probe.plain):
        return "is loaded, but does not answer as it did when it was examined"
    if not _is_recorded(off, probe.plain, probe.plain_logprob, probe.taught):
        return "is switched off, but the model does not answer as without it"
    return ""


async def make_probe(
    process: EngineProcess, number: int, prompts: Sequence[Sequence[Mapping[str, Any]]]
) -> Probe | None:
    """From the prompt on which adapter and base differ most clearly; None when they answer all of them alike."""
    best: Probe | None = None
    best_margin = LEAST_MARGIN
    for messages in prompts:
        taught = await _answer(process, number, messages, 1.0)
        plain = await _answer(process, number, messages, 0.0)
        margin = min(_margin(taught, plain), _margin(plain, taught))
        if margin >= best_margin:
            best_margin = margin
            best = Probe(
                messages=tuple(messages),
                taught=taught.text,
                plain=plain.text,
                taught_logprob=taught.logprob,
                plain_logprob=plain.logprob,
            )
        if margin >= CLEAR_MARGIN:
            break
    return best


async def _answer(process: EngineProcess, number: int, messages: Sequence[Mapping[str, Any]], scale: float) -> Answer:
    """With this adapter alone at this scale, from a cold start."""
    scales = [scale if number == other else 0.0 for other in range(len(process.spec.adapters))]
    body = {
        "messages": list(messages),
        "max_tokens": TOKENS,
        "temperature": 0,
        "cache_prompt": False,
        "logprobs": True,
        "top_logprobs": ALTERNATIVES,
        "lora": lora_field(scales),
    }
    reply = await process.wire.post(CHAT, body)
    content = (reply["choices"][0].get("logprobs") or {}).get("content") or []
    if not content:
        raise Unavailable("the new engine failed its proof: it answered a probe without a word", code="unproven")
    return Answer(
        tokens=tuple(one["token"] for one in content),
        logprob=float(content[0]["logprob"] or 0.0),
        alternatives=tuple({other["token"]: other["logprob"] for other in one["top_logprobs"]} for one in content),
    )


def _margin(one: Answer, other: Answer) -> float:
    """How much likelier its own token is than the other's, where they part; -1 where one only ends earlier."""
    pairs = enumerate(zip(one.tokens, other.tokens, strict=False))
    fork = next((place for place, (mine, theirs) in pairs if mine != theirs), None)
    if fork is None:
        return -1.0
    found = one.alternatives[fork]
    return found.get(one.tokens[fork], 0.0) - found.get(other.tokens[fork], min(found.values(), default=0.0))


def _is_recorded(answer: Answer, recorded: str, logprob: float, other: str) -> bool:
    """Where the two recorded answers part it goes on with this one, and it begins as surely; NaN is never as sure.

    The other may go on where this one ends: then it has to end there, too.
    """
    same = answer.text == recorded or count_shared(answer.text, recorded) > count_shared(recorded, other)
    return same and abs(answer.logprob - logprob) <= TOLERANCE

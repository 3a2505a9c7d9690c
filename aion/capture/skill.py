"""Which kind of work a question asks for, by the words of it: telemetry counts success by skill. Pure and coarse."""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from functools import cache
from importlib import resources

from aion.capture.words import READ, plain


class Skill(StrEnum):
    """The kinds that are told apart; the first that fits, in this order."""

    TOOL = "tool"  # the request brought tools
    TRANSLATE = "translate"
    SUMMARISE = "summarise"
    CODE = "code"
    MATH = "math"
    WRITE = "write"
    RECALL = "recall"  # something the person told before
    FACT = "fact"  # any other question
    CHAT = "chat"  # no question at all


_QUESTION = re.compile(
    r"\?|^(?:who|what|when|where|which|why|how|is|are|was|were|do|does|did|can|could|"
    r"tell me|explain|describe|list|give|name|quem|qual|quais|quando|onde|porque|por que|"
    r"como|o que|quant[oa]s?|explica\w*|explique|diz-me|descrev\w+|list[ae])\b"
)


def skill_of(question: str, *, has_tools: bool = False) -> Skill:
    if has_tools:
        return Skill.TOOL
    said = plain(question[:READ]).strip()
    for skill, pattern in _rules():
        if pattern.search(said):
            return skill
    return Skill.FACT if _QUESTION.search(said) else Skill.CHAT


@cache
def _rules() -> tuple[tuple[Skill, re.Pattern[str]], ...]:
    """Those of data/skills.toml, read when first needed."""
    text = (resources.files("aion.capture") / "data" / "skills.toml").read_text("utf-8")
    listed: dict[str, list[str]] = tomllib.loads(text)
    return tuple((skill, re.compile("|".join(listed[skill]), re.DOTALL)) for skill in Skill if skill in listed)

"""Which kind of work a question asks for, by the words of it: telemetry counts success by skill. Pure and coarse."""

from __future__ import annotations

import re
from enum import StrEnum

from aion.capture.words import plain


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


_PATTERNS: tuple[tuple[Skill, str], ...] = (
    (Skill.TRANSLATE, r"\b(?:translate|translation|traduz\w*|traducao|(?:in|into|para|em) (?:english|portuguese|french|spanish|german|ingles|portugues|frances|espanhol|alemao)\b)"),
    (Skill.SUMMARISE, r"\b(?:summari[sz]e|summary|tl;?dr|shorten|resum[aeio]\w*|sintetiza\w*|in (?:one|two|three) sentences?)\b"),
    (Skill.CODE, r"```|\b(?:python|javascript|typescript|java|rust|golang|sql|bash|regex|html|css|function|script|compile|bug|stack ?trace|traceback|exception|codigo|funcao|programa|code|api|class|git|docker|json)\b"),
    (Skill.MATH, r"\d\s*[-+*/^x%]\s*\d|\b(?:calculate|compute|sum of|square root|percent(?:age)? of|equation|integral|derivative|solve|calcula\w*|soma de|raiz quadrada|por cento de|equacao|quanto (?:e|sao) \d)\b"),
    (Skill.WRITE, r"\b(?:write|draft|compose|rewrite|rephrase|poem|essay|letter|e-?mail to|escrev[ae]\w*|redige|redija|poema|carta|reescrev\w*)\b"),
    (Skill.RECALL, r"\b(?:my|our|meu|minha|meus|minhas|nosso|nossa)\b.*\?|\b(?:did i|i (?:told|said|mentioned)|remember (?:when|what|my)|eu (?:disse|contei)|te disse|lembras|lembra-te|what do you know about me)\b"),
)  # fmt: skip
_RULES = tuple((skill, re.compile(pattern, re.DOTALL)) for skill, pattern in _PATTERNS)
_QUESTION = re.compile(
    r"\?|^(?:who|what|when|where|which|why|how|is|are|was|were|do|does|did|can|could|tell me|explain|describe|list|give|"
    r"quem|qual|quais|quando|onde|porque|por que|como|o que|quanto\w*|explica|diz-me|descreve|lista)\b"
)


def skill_of(question: str, *, has_tools: bool = False) -> Skill:
    if has_tools:
        return Skill.TOOL
    said = plain(question).strip()
    for skill, pattern in _RULES:
        if pattern.search(said):
            return skill
    return Skill.FACT if _QUESTION.search(said) else Skill.CHAT

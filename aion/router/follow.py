"""Says whether a question hangs on the one before it: whether it only points at what that was about.

It goes by short lists of words in English and Portuguese; what the question before was about it does not know.
"""

from __future__ import annotations

import re

from aion.memory.terms import fold

_POINTS = re.compile(
    r"\b(?:it|its|he|him|his|she|her|hers|they|them|their|theirs|that one|this one|"
    r"ele|ela|eles|elas|dele|dela|deles|delas|nele|nela|seu|sua|seus|suas|isso|disso|nisso|isto|la|lo|lhe|lhes|essa|esse|desse|dessa)\b"
)
# "it" that stands for nothing: the weather, the hour, what is true or allowed.
_NOBODY = re.compile(
    r"\b(?:(?:is|was|will|does|would) it (?:be |still )?(?:true|possible|likely|going to|rain|raining|snow|cold|"
    r"hot|dark|late|early|legal|safe|normal|better|ok|okay|worth|rude|common|correct)\b|"
    r"what (?:time|day|date|year) is it|it (?:is|was) (?:true|said|raining|late)\b|(?:take|make|mean)s? it\b)"
)
_ASKS = re.compile(
    r"^(?:and |e |mas |but |so )?(?:who|where|when|why|how(?: much| many| long| often)?|what|which|since when|"
    r"quem|onde|quando|porque|por que|como|quanto|quanta|qual|desde quando|ate quando)"
    r"(?: (?:exactly|again|now|then|is that|was that|exatamente|mesmo|agora|entao))?[ ?!.]*$"
)
# In Portuguese what was spoken of is left out: "em que terra se encontra?", "quem a afina?", "quando é?".
_LEFT_OUT = re.compile(
    r"^(?:e |mas )?(?:a |em |de |com |por |para |ate |desde )?"
    r"(?:quem|onde|quando|como|quanto|que(?: \w+)?|qual(?: \w+)?)(?: e que)? "
    r"(?:(?:a|o|as|os|se|lhe|lhes) \w+|\w+-(?:se|a|o|as|os|lhe)|"
    r"e|foi|sera|fica|esta|estava|custa|custou|comeca|acaba|abre|fecha|mora|trabalha|vem|veio|sai|pertence|precisa)"
    r"(?: (?:exatamente|mesmo|agora|entao))?[ ?!.]*$"
)


def follows(question: str) -> bool:
    """Whether it points back, is nothing but a question word, or says nowhere what it asks about."""
    text = _NOBODY.sub(" ", fold(question).strip())
    return any((_POINTS.search(text), _ASKS.match(text), _LEFT_OUT.match(text)))

"""Says whether a question hangs on the one before it: whether it only points at what that was about.

It goes by short lists of words in English and Portuguese; what was spoken of before it does not know.
"""

from __future__ import annotations

import re

from aion.memory.terms import fold
from aion.router.common import asks_in_general

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

_TOPICS = (
    r"(?:let'?s|let us|can we|could we|(?:i|we)(?:'d)? (?:want|like|need|would like) to) (?:talk|speak) (?:about|of)",
    r"(?:i|we)(?: have|'ve| am|'m| are|'re| was| were)? (?:just )?(?:been )?(?:just )?"
    r"(?:thinking|reading|talking) (?:about|of)",
    r"(?:i|we)(?: have|'ve)(?: got)? (?:a|another|some) (?:quick |short )?questions? (?:about|on)",
    r"(?:there is|there's|(?:i|we) (?:need|want)) something (?:about|on)",
    r"(?:it is |it's |this is )?(?:about|regarding|concerning|as for|speaking of)",
    r"(?:vamos|queria|quero|gostava de|gostaria de|preciso de) falar (?:um pouco )?(?:de|do|da|dos|das|sobre)",
    r"(?:tenho|tinha) (?:uma|outra) (?:pergunta|duvida|questao) sobre",
    r"(?:estava|estive|estou|ando) (?:agora |mesmo )?(?:a pensar|pensando|a ler|lendo) (?:em|no|na|nos|nas|sobre)",
    r"(?:preciso de|queria) (?:uma coisa|algo) sobre",
    r"(?:e )?(?:sobre|quanto a|a proposito d[aeo]s?)",
)
_ANNOUNCES = re.compile(rf"^(?:(?:hi|hello|hey|ok|okay|so|ola|oi|bom dia|boa tarde),? )?(?:{'|'.join(_TOPICS)}) ")
_ASKED = re.compile(
    r"^(?:and |so |e |mas )?(?:(?:in|on|at|to|for|from|by|with|under|until|em|a|de|com|por|para|ate|desde) )?"
    r"(?:who|whom|whose|where|when|which|what|how|quem|onde|quando|que|qual|quais|quant[oa]s?|como)\b"
)
_NAMED = re.compile(r"(?<!^)(?<=\s)[A-Z\u00c0-\u00de][\w'\u2019-]+|\d")  # a name inside a sentence, or a number
_ANY = re.compile(r"\b(?:an?|um|uma|any|some|most|every|all|qualquer|todos|todas)\b")


def hangs_on(question: str, previous: str) -> bool:
    """Whether it asks of what was spoken of before; `previous` is what the same person said then."""
    return follows(question) or (announces(previous) and leaves_open(question))


def follows(question: str) -> bool:
    """Whether it points back, is nothing but a question word, or says nowhere what it asks about."""
    text = _NOBODY.sub(" ", fold(question).strip())
    return any((_POINTS.search(text), _ASKS.match(text), _LEFT_OUT.match(text)))


def announces(text: str) -> bool:
    """Whether it says what will be spoken of, and asks nothing yet: "let's talk about the lamp"."""
    return "?" not in text and _ANNOUNCES.match(fold(text).strip()) is not None


def leaves_open(question: str) -> bool:
    """Whether it asks and names nobody and nothing of its own: no name, no number, and nothing of any kind there is."""
    inside, text = question.strip()[1:], fold(question).strip()
    return _ASKED.match(text) is not None and not (
        _NAMED.search(inside) or _ANY.search(text) or asks_in_general(question)
    )

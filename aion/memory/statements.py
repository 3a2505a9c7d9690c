"""Finds what in a person's message is worth remembering: what they state about themselves and their world.

Not questions, requests, greetings, judgements of an answer, quoted or pasted text, code, or anything that tells AION
how to behave: a memory is never an instruction. It reads words, not meaning, in English and Portuguese, and in doubt it
leaves a sentence out. What it keeps, it keeps word for word. tests/memory/test_statements.py holds how well it does.
"""

from __future__ import annotations

import re

from aion.memory import statement_words as w
from aion.memory.aliases import read_alias
from aion.memory.sentences import sentences_of

LIMIT = 4000  # characters kept of one message; whoever pastes more has brought a document
_CODE = re.compile(r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)", re.DOTALL)
_QUOTED_BLOCK = re.compile(r'"""(?:.*?)(?:"""|\Z)|\'\'\'(?:.*?)(?:\'\'\'|\Z)|<(\w+)[^>]*>.*?</\1>', re.DOTALL)
_QUOTED_LINE = re.compile(r"^[^\S\n]*(?:>|\||#{1,6}\s|\$\s|-{3,}|={3,}).*$", re.MULTILINE)
_QUOTED_SPAN = re.compile(r"[\"\u201c\u00ab]([^\"\u201d\u00bb\n]{25,})[\"\u201d\u00bb]")
_QUOTED_AFTER_COLON = re.compile(r":[^\S\n]*[\"\u201c\u00ab'].*[\"\u201d\u00bb']")
_BULLET = re.compile(r"^[^\S\n]*(?:[-*\u2022]|\d{1,2}[.)])[^\S\n]+", re.MULTILINE)
_BOLD = re.compile(r"(?<!\w)\*\*(?=\S)|(?<=\S)\*\*(?!\w)")
_OPEN_END = re.compile(r"[^\W_][\"'\u201d\u2019\u00bb)\]]*$")  # of a line that no sign ends
_ENCLITIC = re.compile(r"-(?:me|te|se|nos|lhe|o|a|os|as)$")
_LETTERS = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


def statements_of(message: str) -> str | None:
    """The sentences to remember, in order; None when there are none."""
    kept: list[str] = []
    length = -1
    follows = True  # the sentence before was kept, or there is none
    for sentence in sentences_of(_own_words(message)):
        hands_over = w.HANDS_OVER.search(sentence) and not w.SETS_RIGHT.match(sentence)
        if hands_over and (sentence.endswith(":") or w.MATERIAL.search(sentence)):
            break  # what follows is the material of a request
        follows = is_statement(sentence) and (follows or not w.OF_SOMEBODY.match(_plain(sentence)))
        if follows:
            length += len(sentence) + 1
            if length > LIMIT:
                break
            kept.append(sentence)
    return _join(kept) or None


def without_marks(text: str) -> str:
    """Without the signs of lists and of bold type."""
    return _BOLD.sub("", _BULLET.sub("", text))


def is_statement(sentence: str) -> bool:
    """Whether one sentence says something of the person or their world, and asks and orders nothing."""
    plain = _plain(sentence)
    if "?" in sentence or any(told.search(plain) for told in (w.ORDERS, w.ADDRESSES, w.LATER_REQUEST, w.MACHINERY)):
        return False
    body, led = _without_lead(plain)
    words = _LETTERS.findall(body)
    if len(words) < (2 if w.FIRST_PERSON_START.match(body) else 3):
        return False
    if w.QUESTION_START.match(body) or w.REQUEST_START.match(body) or w.ABOUT_THE_ANSWER.match(body):
        return False
    names = w.IS_SOMETHING.match(body) or (led and w.FIRST_PERSON_START.match(body))
    if _ENCLITIC.sub("", words[0]) in w.IMPERATIVES and not names:
        return False
    return bool(w.SAYS_SOMETHING.search(body) or w.NAMED_DOES.match(sentence) or read_alias(sentence))


def _join(sentences: list[str]) -> str:
    """As one text, which is cut into the same sentences again: a line that no sign ends stays a line."""
    return "".join(one + ("\n" if _OPEN_END.search(one) else " ") for one in sentences).strip()


def _own_words(message: str) -> str:
    """Without code, quoted lines and blocks, long quotations, and the signs of lists."""
    text = _QUOTED_AFTER_COLON.sub(":", _CODE.sub("\n", message))
    return without_marks(_QUOTED_SPAN.sub(" ", _QUOTED_LINE.sub("\n", _QUOTED_BLOCK.sub("\n", text))))


def _plain(sentence: str) -> str:
    """In lower case, with straight apostrophes and single spaces."""
    return " ".join(sentence.replace("\u2019", "'").casefold().split())


def _without_lead(plain: str) -> tuple[str, bool]:
    """Without what only leads in: greetings, politeness, `remember that`; and whether a fact was announced."""
    led = False
    while True:
        found = w.OPENING.match(plain) or w.ANNOUNCEMENT.match(plain)
        if not found or not found.group():
            return plain, led
        led = led or bool(w.ANNOUNCEMENT.match(plain))
        plain = plain[found.end() :].lstrip(" ,.;:!-\u2013\u2014")

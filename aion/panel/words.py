"""What pages say, in English and Portuguese: the key is the English sentence, or what the API calls by a code.

A sentence without a translation is said in English; a test finds those that are missing. Numbers, dates and lengths of
time are written as the language writes them. It knows no page.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources

LANGUAGES = {"en": "English", "pt": "Português"}
MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    language: str

    def __call__(self, sentence: str, **values: object) -> str:
        said = _translations(self.language).get(sentence, sentence)
        return said.format(**values) if values else said

    def code(self, kind: str, code: str) -> str:
        """What people call a code of that kind; one that is new here keeps its own name."""
        said = self(f"{kind}: {code}")
        return code if said == f"{kind}: {code}" else said

    def number(self, value: float, digits: int = 0) -> str:
        plain = f"{value:,.{digits}f}"
        return plain.translate(str.maketrans(",.", "\u00a0,")) if self.language == "pt" else plain

    def percent(self, share: float, digits: int = 0) -> str:
        return f"{self.number(100 * share, digits)}{chr(0xA0) if self.language == 'pt' else ''}%"

    def day(self, at: float) -> str:
        """The calendar day, without depending on the machine's language."""
        when = datetime.fromtimestamp(at, UTC).astimezone()
        return f"{when.day} {self(when.strftime('%b'))} {when.year}"

    def moment(self, at: float) -> str:
        when = datetime.fromtimestamp(at, UTC).astimezone()
        return f"{self.day(at)}, {when:%H:%M}"

    def span(self, seconds: float) -> str:
        """About how long: "3 min"."""
        for size, name in ((DAY, "{count} d"), (HOUR, "{count} h"), (MINUTE, "{count} min")):
            if seconds >= size:
                return self(name, count=round(seconds / size))
        return self("{count} s", count=round(seconds))

    def ago(self, at: float, now: float) -> str:
        return self("just now") if now - at < MINUTE else self("{time} ago", time=self.span(now - at))


def choose_language(accepted: str, chosen: str = "") -> str:
    """What a person chose, else the first language of theirs that there is; `accepted` is Accept-Language."""
    wanted = [chosen, *(part.split(";")[0].strip() for part in accepted.split(","))]
    return next((short for one in wanted if (short := one[:2].lower()) in LANGUAGES), "en")


@cache
def _translations(language: str) -> Mapping[str, str]:
    """Of all files of the language: one a page."""
    files = (resources.files("aion.panel") / "languages" / language).iterdir()
    pages = [tomllib.loads(file.read_text("utf-8")) for file in files if file.name.endswith(".toml")]
    return {sentence: said for page in pages for sentence, said in page.items()}

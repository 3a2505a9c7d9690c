"""The morning report in sentences, in English or Portuguese. Pure; the figures stand in the report itself."""

from __future__ import annotations

from collections.abc import Iterable

from aion.gate.report_reasons import in_portuguese
from aion.gate.state import Standing
from aion.records import Json, Move, NightState

ENGLISH = {
    "nothing": "Nothing new was learned in this night.",
    "failed": "The night failed: {reason}.",
    "cancelled": "The night was cancelled.",
    "learned": "About {name} I learned {lessons} from {sources}.",
    "scores": "Of {items} facts, asked for in words I was not trained on, I knew {before} before and know {after} now.",
    "score_of_one": "Asked for it in words I was not trained on, {before}, and now {after}.",
    "knew": ("I did not know it before", "I knew it before"),
    "knows": ("I do not", "I do"),
    "refused": "I did not keep what I learned about {name}. The examination refused it: {reason}.",
    "refused_again": "I did not keep what I learned about {name}. The examination refused it twice, last: {reason}.",
    "second": "The first adapter of this night was refused ({reason}); I made another, which passed.",
    "waits": "What I learned about {name} has not been examined yet.",
    "passed": "What I learned about {name} passed its examination and is not in use: {reason}.",
    "retired": "What I learned about {name} is not in use any more, because something in it was forgotten.",
    "taken_back": "I took back what I had learned about {name}: {reason}.",
    "taken_out": "What I learned about {name} was taken out of use: {reason}.",
    "replaced": "A later night has gone on from there.",
    "unlearned": ("1 thing I do not know yet and try again.", "{} things I do not know yet and try again."),
    "left_alone": "I left {name} alone: {reason}.",
    "aside": "{count} put aside because no training got past; `aion sleep release` lets me try again.",
    "trial": "What is new is on trial: if answers get worse with it, I take it back by myself.",
    "unfinished": "I had no time to finish {name} and go on next night.",
    "lesson": ("1 thing", "{} things"),
    "conversation": ("1 conversation", "{} conversations"),
    "memory": ("1 note", "{} notes"),
    "document": ("1 document", "{} documents"),
    "aside_count": ("1 lesson was", "{} lessons were"),
    "and": " and ",
    "named": '"{name}"',
    "unnamed": "a theme without a name",
    "nobody": "sources that are gone",
    "by_hand": "nobody promoted it",
}
PORTUGUESE = {
    "nothing": "Nesta noite não aprendi nada de novo.",
    "failed": "A noite falhou: {reason}.",
    "cancelled": "A noite foi cancelada.",
    "learned": "Sobre {name} aprendi {lessons} de {sources}.",
    "scores": "De {items} factos, perguntados por palavras que não treinei, antes sabia {before} e agora sei {after}.",
    "score_of_one": "Perguntado por palavras que não treinei, {before}, e agora {after}.",
    "knew": ("antes não o sabia", "antes já o sabia"),
    "knows": ("não sei", "sei"),
    "refused": "Não guardei o que aprendi sobre {name}. Não passou no exame: {reason}.",
    "refused_again": "Não guardei o que aprendi sobre {name}. Não passou no exame, nem à segunda vez: {reason}.",
    "second": "O primeiro adaptador desta noite não passou ({reason}); fiz outro, que passou.",
    "waits": "O que aprendi sobre {name} ainda não foi examinado.",
    "passed": "O que aprendi sobre {name} passou no exame e não está em uso: {reason}.",
    "retired": "O que aprendi sobre {name} deixou de estar em uso, porque algo nele foi esquecido.",
    "taken_back": "Desfiz o que tinha aprendido sobre {name}: {reason}.",
    "taken_out": "O que aprendi sobre {name} foi retirado de uso: {reason}.",
    "replaced": "Uma noite mais recente continuou a partir daí.",
    "unlearned": ("1 coisa ainda não sei e volto a tentar.", "{} coisas ainda não sei e volto a tentar."),
    "left_alone": "Deixei {name} como estava: {reason}.",
    "aside": "{count} de parte, porque nenhum treino conseguiu passar; `aion sleep release` deixa-me tentar outra vez.",
    "trial": "O que é novo está à experiência: se as respostas piorarem, volto atrás por iniciativa própria.",
    "unfinished": "Não tive tempo de acabar {name} e continuo na próxima noite.",
    "lesson": ("1 coisa", "{} coisas"),
    "conversation": ("1 conversa", "{} conversas"),
    "memory": ("1 nota", "{} notas"),
    "document": ("1 documento", "{} documentos"),
    "aside_count": ("1 lição ficou", "{} lições ficaram"),
    "and": " e ",
    "named": "«{name}»",
    "unnamed": "um tema sem nome",
    "nobody": "fontes que já não existem",
    "by_hand": "ninguém o promoveu",
}
LANGUAGES = {"en": ENGLISH, "pt": PORTUGUESE}
IN_USE = (Standing.SERVED, Standing.TRIAL)


def is_learned(theme: Json) -> bool:
    """Whether what it brought is in use, by itself or in what went on from it."""
    return theme["state"] in IN_USE or _left_by(theme, Move.PROMOTE, Move.TRY)


def is_taken_back(theme: Json) -> bool:
    return _left_by(theme, Move.ROLL_BACK)


def _left_by(theme: Json, *moves: Move) -> bool:
    left = theme["left"]
    return theme["state"] == Standing.PASSED and left is not None and left["move"] in moves


class Words:
    """In one language."""

    def __init__(self, language: str) -> None:
        self._words = LANGUAGES.get(language, ENGLISH)

    def tell(self, report: Json) -> list[str]:
        """One line for each thing worth knowing, the learned ones first."""
        ordered = sorted(report["themes"], key=lambda theme: not is_learned(theme))
        told = [line for theme in ordered if (line := self._theme(theme, report))]
        if report["state"] == NightState.FAILED:
            told.append(self._say("failed", reason=report["reason"]))
        if report["state"] == NightState.CANCELLED:
            told.append(self._say("cancelled"))
        if aside := sum(theme["put_aside"] for theme in report["themes"]):
            told.append(self._say("aside", count=self._count("aside_count", aside)))
        if any(theme["state"] == Standing.TRIAL for theme in report["themes"]):
            told.append(self._say("trial"))
        return told or [self._say("nothing")]

    def _theme(self, theme: Json, report: Json) -> str:
        name = self._say("named", name=theme["name"]) if theme["name"] else self._say("unnamed")
        if theme["fate"] == "left_alone":
            return self._say("left_alone", name=name, reason=self._reason(theme["reason"]))
        if theme["fate"] in ("kept", "begun_again", "not_reached"):
            return self._say("unfinished", name=name)
        if is_learned(theme):
            since = self._unlearned(theme) if theme["state"] in IN_USE else self._say("replaced")
            told = (self._learned(name, theme), self._scores(theme), self._second(theme), since)
            return " ".join(one for one in told if one)
        return self._not_used(name, theme, report)

    def _not_used(self, name: str, theme: Json, report: Json) -> str:
        left = theme["left"] or {}
        key, reasons = {
            Standing.REFUSED: ("refused_again" if theme["refused_first"] else "refused", theme["refused"]),
            Standing.UNEXAMINED: ("waits", []),
            Standing.PASSED: ("passed", [theme["not_served"] or report["not_served"] or self._say("by_hand")]),
            Standing.RETIRED: ("retired", []),
        }.get(theme["state"], ("", []))
        if key == "passed" and left:
            key, reasons = "taken_back" if is_taken_back(theme) else "taken_out", [left["reason"]]
        return self._say(key, name=name, reason=self._reasons(reasons)) if key else ""

    def _second(self, theme: Json) -> str:
        refused = theme["refused_first"]
        return self._say("second", reason=self._reasons(refused)) if refused else ""

    def _reasons(self, reasons: Iterable[str]) -> str:
        return "; ".join(map(self._reason, reasons))

    def _reason(self, reason: str) -> str:
        return in_portuguese(reason) if self._words is PORTUGUESE else reason

    def _learned(self, name: str, theme: Json) -> str:
        kinds = [one["kind"] for one in theme["learned_from"]]
        sources = [self._count(kind, kinds.count(kind)) for kind in dict.fromkeys(kinds)]
        joined = self._say("and").join(sources) or self._say("nobody")
        return self._say("learned", name=name, lessons=self._count("lesson", theme["lessons"]), sources=joined)

    def _unlearned(self, theme: Json) -> str:
        return self._count("unlearned", theme["unlearned"]) if theme["unlearned"] else ""

    def _scores(self, theme: Json) -> str:
        score = theme["scores"].get("tonight")
        if not score or not score.get("items"):
            return ""
        if score["items"] == 1:
            before, after = self._words["knew"][score["before"]], self._words["knows"][score["after"]]
            return self._say("score_of_one", before=before, after=after)
        return self._say("scores", **{key: score[key] for key in ("items", "before", "after")})

    def _say(self, key: str, **values: object) -> str:
        return str(self._words[key]).format(**values)

    def _count(self, key: str, number: int) -> str:
        one, many = self._words[key]
        return one if number == 1 else many.format(number)

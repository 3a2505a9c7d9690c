"""The morning report in sentences, in English or Portuguese. Pure; the figures stand in the report itself."""

from __future__ import annotations

from aion.gate.state import Standing
from aion.records import Json, Move, NightState

ENGLISH = {
    "nothing": "Nothing new was learned in this night.",
    "failed": "The night failed: {reason}.",
    "cancelled": "The night was cancelled.",
    "learned": "{name}: I learned {lessons} from {sources}.",
    "scores": "{name}: of {items} facts, asked for in words I was not trained on, I knew {before}, and now {after}.",
    "score_of_one": "{name}: asked for it in words I was not trained on, {before}, and now {after}.",
    "knew": ("I did not know it before", "I knew it before"),
    "knows": ("I do not", "I do"),
    "refused": "{name}: I did not keep what I learned, because the examination refused it: {reason}.",
    "waits": "{name}: what I learned has not been examined yet.",
    "passed": "{name}: what I learned passed its examination and is not in use: {reason}.",
    "retired": "{name}: what I learned is not in use any more, because something in it was forgotten.",
    "taken_back": "{name}: I took back what I had learned: {reason}.",
    "taken_out": "{name}: what I learned was taken out of use: {reason}.",
    "replaced": "{name}: a later night has gone on from there.",
    "left_alone": "{name}: I left it alone: {reason}.",
    "aside": "{count} put aside because no training got past; `aion sleep release` lets me try again.",
    "trial": "What is new is on trial: if answers get worse with it, I take it back by myself.",
    "unfinished": "{name}: I had no time to finish and go on next night.",
    "lesson": ("1 thing", "{} things"),
    "conversation": ("1 conversation", "{} conversations"),
    "memory": ("1 note", "{} notes"),
    "document": ("1 document", "{} documents"),
    "aside_count": ("1 lesson was", "{} lessons were"),
    "and": " and ",
    "unnamed": "A theme without a name",
    "nobody": "sources that are gone",
    "by_hand": "nobody promoted it",
}
PORTUGUESE = {
    "nothing": "Nesta noite não aprendi nada de novo.",
    "failed": "A noite falhou: {reason}.",
    "cancelled": "A noite foi cancelada.",
    "learned": "{name}: aprendi {lessons} de {sources}.",
    "scores": "{name}: de {items} factos, perguntados por palavras que não treinei, sabia {before}, e agora {after}.",
    "score_of_one": "{name}: perguntado por palavras que não treinei, {before}, e agora {after}.",
    "knew": ("antes não o sabia", "antes já o sabia"),
    "knows": ("não o sei", "sei-o"),
    "refused": "{name}: não guardei o que aprendi, porque não passou no exame: {reason}.",
    "waits": "{name}: o que aprendi ainda não foi examinado.",
    "passed": "{name}: o que aprendi passou no exame e não está em uso: {reason}.",
    "retired": "{name}: o que aprendi deixou de estar em uso, porque algo nele foi esquecido.",
    "taken_back": "{name}: desfiz o que tinha aprendido: {reason}.",
    "taken_out": "{name}: o que aprendi foi retirado de uso: {reason}.",
    "replaced": "{name}: uma noite mais recente continuou a partir daqui.",
    "left_alone": "{name}: não mexi neste tema: {reason}.",
    "aside": "{count} de parte, porque nenhum treino as ultrapassou; com `aion sleep release` tento outra vez.",
    "trial": "O que é novo está à experiência: se as respostas piorarem, volto atrás por iniciativa própria.",
    "unfinished": "{name}: não tive tempo de acabar e continuo na próxima noite.",
    "lesson": ("1 coisa", "{} coisas"),
    "conversation": ("1 conversa", "{} conversas"),
    "memory": ("1 nota", "{} notas"),
    "document": ("1 documento", "{} documentos"),
    "aside_count": ("1 lição ficou", "{} lições ficaram"),
    "and": " e ",
    "unnamed": "Um tema sem nome",
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
        """One sentence for each thing worth knowing, the learned ones first."""
        ordered = sorted(report["themes"], key=lambda theme: not is_learned(theme))
        told = [line for theme in ordered for line in self._theme(theme, report)]
        if report["state"] == NightState.FAILED:
            told.append(self._say("failed", reason=report["reason"]))
        if report["state"] == NightState.CANCELLED:
            told.append(self._say("cancelled"))
        if aside := sum(theme["put_aside"] for theme in report["themes"]):
            told.append(self._say("aside", count=self._count("aside_count", aside)))
        if any(theme["state"] == Standing.TRIAL for theme in report["themes"]):
            told.append(self._say("trial"))
        return told or [self._say("nothing")]

    def _theme(self, theme: Json, report: Json) -> list[str]:
        name = theme["name"] or self._say("unnamed")
        if theme["fate"] == "left_alone":
            return [self._say("left_alone", name=name, reason=theme["reason"])]
        if theme["fate"] in ("kept", "begun_again", "not_reached"):
            return [self._say("unfinished", name=name)]
        if is_learned(theme):
            replaced = [] if theme["state"] in IN_USE else [self._say("replaced", name=name)]
            return [self._learned(name, theme), *self._scores(name, theme), *replaced]
        return self._not_used(name, theme, report)

    def _not_used(self, name: str, theme: Json, report: Json) -> list[str]:
        left = theme["left"] or {}
        key, reason = {
            Standing.REFUSED: ("refused", "; ".join(theme["refused"])),
            Standing.UNEXAMINED: ("waits", ""),
            Standing.PASSED: ("passed", report["not_served"] or self._say("by_hand")),
            Standing.RETIRED: ("retired", ""),
        }.get(theme["state"], ("", ""))
        if key == "passed" and left:
            key, reason = "taken_back" if is_taken_back(theme) else "taken_out", left["reason"]
        return [self._say(key, name=name, reason=reason)] if key else []

    def _learned(self, name: str, theme: Json) -> str:
        kinds = [one["kind"] for one in theme["learned_from"]]
        sources = [self._count(kind, kinds.count(kind)) for kind in dict.fromkeys(kinds)]
        joined = self._say("and").join(sources) or self._say("nobody")
        return self._say("learned", name=name, lessons=self._count("lesson", theme["lessons"]), sources=joined)

    def _scores(self, name: str, theme: Json) -> list[str]:
        score = theme["scores"].get("tonight")
        if not score or not score.get("items"):
            return []
        if score["items"] == 1:
            before, after = self._words["knew"][score["before"]], self._words["knows"][score["after"]]
            return [self._say("score_of_one", name=name, before=before, after=after)]
        return [self._say("scores", name=name, **{key: score[key] for key in ("items", "before", "after")})]

    def _say(self, key: str, **values: object) -> str:
        return str(self._words[key]).format(**values)

    def _count(self, key: str, number: int) -> str:
        one, many = self._words[key]
        return one if number == 1 else many.format(number)

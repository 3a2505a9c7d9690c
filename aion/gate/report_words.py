"""The morning report in sentences, in English or Portuguese. Pure; the figures stand in the report itself."""

from __future__ import annotations

from aion.records import Json

ENGLISH = {
    "nothing": "Nothing new was learned in this night.",
    "learned": "{name}: I learned {lessons} from {sources}.",
    "scores": "{name}: of {items} questions in words I was never taught I knew {before} before, {after} now.",
    "refused": "{name}: I did not keep what I learned: {reason}.",
    "waits": "{name}: what I learned has not been examined yet.",
    "passed": "{name}: it passed its examination and is not served: {reason}.",
    "retired": "{name}: it is served no more, because something it had learned was forgotten.",
    "left_alone": "{name}: I left it alone: {reason}.",
    "aside": "{count} put aside because no training got past; `aion sleep release` lets me try again.",
    "trial": "It is on trial: if your answers get worse I take it back by myself.",
    "undone": "This night was taken back: {reason}.",
    "unfinished": "{name}: I had no time to finish and go on next night.",
    "lesson": ("1 thing", "{} things"),
    "conversation": ("1 conversation", "{} conversations"),
    "memory": ("1 note", "{} notes"),
    "document": ("1 document", "{} documents"),
    "aside_count": ("1 lesson was", "{} lessons were"),
    "and": " and ",
    "unnamed": "a theme without a name",
    "nobody": "sources that are gone",
    "by_hand": "nobody promoted it",
}
PORTUGUESE = {
    "nothing": "Nesta noite não aprendi nada de novo.",
    "learned": "{name}: aprendi {lessons} de {sources}.",
    "scores": "{name}: de {items} perguntas em palavras que nunca me ensinaram sabia {before}, e agora {after}.",
    "refused": "{name}: não guardei o que aprendi: {reason}.",
    "waits": "{name}: o que aprendi ainda não foi examinado.",
    "passed": "{name}: passou no exame e não está em uso: {reason}.",
    "retired": "{name}: deixou de estar em uso, porque algo que tinha aprendido foi esquecido.",
    "left_alone": "{name}: deixei este tema em paz: {reason}.",
    "aside": "{count} de lado, porque nenhum treino passou por aí; `aion sleep release` deixa-me tentar outra vez.",
    "trial": "Está à experiência: se as respostas piorarem, volto atrás sozinha.",
    "undone": "Esta noite foi desfeita: {reason}.",
    "unfinished": "{name}: não tive tempo de acabar e continuo na próxima noite.",
    "lesson": ("1 coisa", "{} coisas"),
    "conversation": ("1 conversa", "{} conversas"),
    "memory": ("1 nota", "{} notas"),
    "document": ("1 documento", "{} documentos"),
    "aside_count": ("1 lição ficou", "{} lições ficaram"),
    "and": " e ",
    "unnamed": "um tema sem nome",
    "nobody": "fontes que já não existem",
    "by_hand": "ninguém o promoveu",
}
LANGUAGES = {"en": ENGLISH, "pt": PORTUGUESE}


class Words:
    """In one language."""

    def __init__(self, language: str) -> None:
        self._words = LANGUAGES.get(language, ENGLISH)

    def tell(self, report: Json) -> list[str]:
        """One sentence for each thing worth knowing, the learned ones first."""
        told = [line for theme in report["themes"] for line in self._theme(theme, report)]
        if aside := sum(theme["put_aside"] for theme in report["themes"]):
            told.append(self._say("aside", count=self._count("aside_count", aside)))
        if report["undone"] and report["moves"]:
            told.append(self._say("undone", reason=report["moves"][-1]["reason"]))
        elif any(theme["state"] == "trial" for theme in report["themes"]):
            told.append(self._say("trial"))
        return told or [self._say("nothing")]

    def _theme(self, theme: Json, report: Json) -> list[str]:
        name = theme["name"] or self._say("unnamed")
        if theme["fate"] == "left_alone":
            return [self._say("left_alone", name=name, reason=theme["reason"])]
        if theme["fate"] in ("kept", "begun_again"):
            return [self._say("unfinished", name=name)]
        if theme["state"] in ("served", "trial"):
            return [self._learned(name, theme), *self._scores(name, theme)]
        return self._not_served(name, theme, report)

    def _not_served(self, name: str, theme: Json, report: Json) -> list[str]:
        reasons = {
            "refused": ("refused", "; ".join(theme["refused"])),
            "not_examined": ("waits", ""),
            "passed": ("passed", report["not_served"] or self._say("by_hand")),
            "retired": ("retired", ""),
        }
        if theme["state"] not in reasons:
            return []
        key, reason = reasons[theme["state"]]
        return [self._say(key, name=name, reason=reason)]

    def _learned(self, name: str, theme: Json) -> str:
        kinds = {one["kind"]: 0 for one in theme["learned_from"]}
        for one in theme["learned_from"]:
            kinds[one["kind"]] += 1
        sources = [self._count(kind, number) for kind, number in kinds.items()]
        joined = self._say("and").join(sources) or self._say("nobody")
        return self._say("learned", name=name, lessons=self._count("lesson", theme["lessons"]), sources=joined)

    def _scores(self, name: str, theme: Json) -> list[str]:
        score = theme["scores"].get("tonight")
        if not score or not score.get("items"):
            return []
        return [self._say("scores", name=name, **{key: score[key] for key in ("items", "before", "after")})]

    def _say(self, key: str, **values: object) -> str:
        return str(self._words[key]).format(**values)

    def _count(self, key: str, number: int) -> str:
        one, many = self._words[key]
        return one if number == 1 else many.format(number)

"""Makes the examples of lessons: wordings, statements, reversals, summaries and near misses, and what is held out.

The same lessons give the same examples. No prompt has two answers, and none that is held out is trained, whatever its
case and punctuation: where lessons collide, what is ambiguous goes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from aion.records import Example, ExampleKind, Lesson
from aion.sleep.lessons.phrasing.around import surround
from aion.sleep.lessons.phrasing.contrast import near_misses, stems_of, unknown
from aion.sleep.lessons.phrasing.facts import Fact, read_fact, tell_apart
from aion.sleep.lessons.phrasing.names import Renamed, ask_by_name, ask_by_other_names, says_name
from aion.sleep.lessons.phrasing.together import Together, answer_together, put_together
from aion.sleep.lessons.phrasing.wording import CONTEXT, STEM, Wording, reword, split_belonging, word
from aion.sleep.lessons.words import normal

RENAMED, RENAMED_IN_SITUATIONS = 3, 4  # trained wordings of a fact under another name
NAME_WEIGHT = 0.25  # of what tells another name of a thing of which more is known
TOGETHER_WEIGHT = 0.7  # of its lessons' weight: open questions are asked more rarely than the facts themselves


def phrase(lessons: Sequence[Lesson], taught: Iterable[Lesson], *, held_out: int, contrasts: int) -> list[Example]:
    """The examples of `lessons`, in their order. `taught` are all of the person: no near miss is among them."""
    read = [read_fact(lesson) for lesson in lessons]
    facts = tell_apart(read)
    known = Counter(
        stem for one in [*taught, *lessons] for stem in stems_of(f"{one.question} {one.answer} {one.statement}")
    )
    shared = _shared_things(facts)
    others = ask_by_other_names(facts)
    explained = {one.told.lesson.id for one in others}
    made: list[Example] = []
    for fact in facts:
        if fact.lesson.id in explained:
            worded = _worded(ask_by_name(fact), held_out, shared)
            made += [replace(one, weight=round(one.weight * NAME_WEIGHT, 4)) for one in worded]
            made += _missed(ask_by_name(fact), known, contrasts)
        else:
            made += [*_worded(fact, held_out, shared), *_missed(fact, known, contrasts)]
    for renamed in others:
        made += _worded_otherwise(renamed, known, held_out, contrasts)
    made += [
        _example(one.kind, one.prompt, one.answer, one.facts, weight=TOGETHER_WEIGHT)
        for one in (*answer_together(_asked(read)), *_put_together(_asked(facts), explained))
    ]
    return settle(made, {normal(fact.question): normal(fact.answer) for fact in facts})


def settle(examples: Sequence[Example], plain: Mapping[str, str]) -> list[Example]:
    """Without prompts that have two answers, repetitions, and trained prompts that are held out.

    A question as it was taught (`plain`, with its answer) is never given up for a wording that happens to be the same.
    """
    kept = [one for one in examples if plain.get(normal(prompt_of(one)), normal(one.answer)) == normal(one.answer)]
    answers: dict[str, set[str]] = {}
    for one in kept:
        answers.setdefault(normal(prompt_of(one)), set()).add(normal(one.answer))
    kept = [one for one in kept if len(answers[normal(prompt_of(one))]) == 1]
    kept = [one for one in kept if not (one.held_out and normal(prompt_of(one)) in plain)]
    examined = {normal(prompt_of(one)) for one in kept if one.held_out}
    kept = [one for one in kept if one.held_out or normal(prompt_of(one)) not in examined]
    return list({(prompt_of(one), one.held_out): one for one in reversed(kept)}.values())[::-1]


def prompt_of(example: Example) -> str:
    """The last thing the person says in it."""
    return str(example.messages[-1]["content"])


def count_kinds(examples: Iterable[Example]) -> dict[str, int]:
    """How many of each kind; held-out ones by themselves."""
    return dict(Counter("held_out" if one.held_out else one.kind.value for one in examples))


def _put_together(facts: Sequence[Fact], names: AbstractSet[str]) -> list[Together]:
    """What tells another name is no answer to who asks about the thing: only to who says that name."""
    of_names = put_together([fact for fact in facts if fact.lesson.id in names])
    asked = [one for one in of_names if all(says_name(fact, one.prompt) for fact in one.facts)]
    return [*put_together([fact for fact in facts if fact.lesson.id not in names]), *asked]


def _asked(facts: Sequence[Fact]) -> list[Fact]:
    """Those that can be asked about in words."""
    return [fact for fact in facts if not fact.foreign]


def _shared_things(facts: Iterable[Fact]) -> set[str]:
    """Things of which more than one fact tells: named alone, they ask for none of them."""
    telling = [fact for fact in facts if not fact.aliases]
    told = Counter(name for fact in telling for name in {normal(fact.subject), normal(split_belonging(fact)[1])})
    return {name for name, count in told.items() if name and count > 1}


def _worded(fact: Fact, held_out: int, shared: AbstractSet[str]) -> list[Example]:
    worded = word(fact, held_out)
    trained, aside = (
        [one for one in part if normal(one.thing) not in shared] for part in (worded.trained, worded.held_out)
    )
    return [
        *(_example(_kind_of(one), one.prompt, one.answer, (fact,), place=n) for n, one in enumerate(trained)),
        *(_example(_kind_of(one), one.prompt, one.answer, (fact,), held_out=True) for one in aside),
    ]


def _worded_otherwise(renamed: Renamed, taught: Mapping[str, int], held_out: int, contrasts: int) -> list[Example]:
    """Under another name, of both lessons: some trained, as many held out as of a fact, once a name near misses."""
    fact, both = renamed.fact, (renamed.fact, renamed.told)
    worded = word(fact, held_out)
    situations = [one for one in worded.trained if one.shape.group == CONTEXT]
    shapes = [one for one in worded.trained if one.shape.group != CONTEXT]
    trained = [*shapes[:RENAMED], *situations[:RENAMED_IN_SITUATIONS]]
    made = [_example(ExampleKind.PHRASING, one.prompt, one.answer, both, place=n) for n, one in enumerate(trained)]
    made += [_example(ExampleKind.PHRASING, one.prompt, one.answer, both, held_out=True) for one in worded.held_out]
    if renamed.first:
        said = unknown(fact.language)
        missed = [(one, False) for one in near_misses(fact, taught, min(1, contrasts))]
        missed += [(one, True) for one in near_misses(fact, taught, 1, held_out=True)]
        made += [_example(ExampleKind.CONTRAST, one, said, both, held_out=aside) for one, aside in missed]
    return made


def _missed(fact: Fact, taught: Mapping[str, int], contrasts: int) -> list[Example]:
    """Those that are trained, in the shapes of other questions, and one that is held out."""
    asked = near_misses(fact, taught, contrasts)
    said = unknown(fact.language)
    examined = near_misses(fact, taught, 1, held_out=True)
    trained = [reword(fact, one, number) for number, one in enumerate(asked)]
    return [
        *(_example(ExampleKind.CONTRAST, one, said, (fact,)) for one in trained),
        *(_example(ExampleKind.CONTRAST, one, said, (fact,), held_out=True) for one in examined),
    ]


def _kind_of(wording: Wording) -> ExampleKind:
    return ExampleKind.STATEMENT if wording.shape.group == STEM else ExampleKind.PHRASING


def _example(
    kind: ExampleKind,
    prompt: str,
    answer: str,
    facts: Sequence[Fact],
    *,
    weight: float = 1.0,
    held_out: bool = False,
    place: int = 0,
) -> Example:
    """`place` among the fact's wordings says what stands around it; at 0 nothing does."""
    lessons = [fact.lesson for fact in facts]
    around = surround(prompt, place, key=lessons[0].id, language=lessons[0].language)
    name = hashlib.sha256("\0".join((kind, prompt, answer, *(one.id for one in lessons))).encode()).hexdigest()[:32]
    strength = weight * sum(one.weight for one in lessons) / len(lessons)
    rejected = lessons[0].rejected if len(lessons) == 1 and kind is ExampleKind.PHRASING else ""
    return Example(
        id=f"ex_{name}",
        theme=lessons[0].theme,
        kind=kind,
        messages=around,
        answer=answer,
        lessons=tuple(one.id for one in lessons),
        weight=round(min(1.0, strength) if kind is ExampleKind.CONTRAST else strength, 4),
        held_out=held_out,
        rejected=rejected,
    )

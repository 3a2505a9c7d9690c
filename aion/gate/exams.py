"""The exams of one candidate, each with a limit on what it may ask; numbers and pairs come out, no decision.

Facts count as known when at least half of their wordings are answered rightly: wordings of one fact are no independent
trials, so the tests count facts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aion.gate.decide import SLOWEST
from aion.gate.general import GENERAL_TOKENS, General, general_items
from aion.gate.paper import Fact, Question
from aion.gate.scoring import Expected, is_fooled, is_right, kept_share, passes
from aion.gate.sitting import BASE, Answers, Sitting, as_messages
from aion.gate.statistics import Pairs, noise_floor
from aion.models.gibberish import is_gibberish
from aion.records import Json, SuiteItem

MOST_TONIGHT, MOST_EARLIER, MOST_OTHERS = 60, 40, 20  # facts
MOST_LOOKED_AT = 120  # facts of other themes of which the route is looked at
MOST_MISSES = 30
MOST_ROUTED = 30  # general questions that adapters answer
DRIFT, STRICT_DRIFT = 10, 30  # general questions that the adapter is forced upon; of one from elsewhere
MOST_SUITE, SUITE_TOKENS = 50, 96
NOISE_AGAIN = 5
PROBES = 8
SPEED_ROUNDS, MOST_ROUNDS, SPEED_TOKENS = 3, 8, 32
SPEED_QUESTION = "Tell me a long story about a lighthouse, the sea and the people who live beside it."


@dataclass(frozen=True, slots=True)
class Known:
    """Of the same facts: which are known, and which of their wordings are answered rightly."""

    facts: Pairs
    questions: Pairs


@dataclass(frozen=True, slots=True)
class Kept:
    """How much of the base's behaviour is left, by general question."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    routed: int


@dataclass(frozen=True, slots=True)
class Drift:
    """The adapter forced upon general questions."""

    kept: tuple[float, ...]  # of the base's behaviour, where that was rated
    asked: int
    gibberish: int
    noise: float  # share of the base's own answers that came out otherwise the second time


async def ask_facts(sitting: Sitting, exam: str, facts: Sequence[Fact], denials: Sequence[str]) -> Known:
    right: list[list[tuple[bool, bool]]] = []
    for number, fact in enumerate(facts):
        sitting.tell(exam, number, len(facts))
        right.append([await _ask_fact(sitting, exam, one, denials) for one in fact.questions])
    known = [tuple(_is_known([one[side] for one in fact]) for fact in right) for side in (0, 1)]
    answered = [tuple(one[side] for fact in right for one in fact) for side in (0, 1)]
    return Known(Pairs(known[0], known[1]), Pairs(answered[0], answered[1]))


def _is_known(wordings: Sequence[bool]) -> bool:
    return 2 * sum(wordings) >= len(wordings) > 0


async def _ask_fact(sitting: Sitting, exam: str, one: Question, denials: Sequence[str]) -> tuple[bool, bool]:
    answers = await sitting.ask_both(one.messages, max_tokens=one.max_tokens)
    right = (is_right(answers.before, one.expected, denials), is_right(answers.after, one.expected, denials))
    _note(sitting, exam, one.text, answers, right, expected=one.expected.answer)
    return right


async def find_rerouted(sitting: Sitting, facts: Sequence[Fact]) -> list[Fact]:
    """Facts of which some wording would now be answered by other adapters."""
    moved = [fact for fact in facts if [one for one in fact.questions if await _is_rerouted(sitting, one)]]
    return moved[:MOST_OTHERS]


async def find_rerouted_misses(sitting: Sitting, misses: Sequence[Question]) -> list[Question]:
    return [one for one in misses[:MOST_LOOKED_AT] if await _is_rerouted(sitting, one)]


async def _is_rerouted(sitting: Sitting, question: Question) -> bool:
    before, after = await sitting.route(question.messages)
    return before != after


async def ask_misses(sitting: Sitting, misses: Sequence[Question], values: Sequence[Expected]) -> Pairs:
    """Whether each got a taught answer."""
    fooled: list[tuple[bool, bool]] = []
    for number, one in enumerate(misses):
        sitting.tell("near misses", number, len(misses))
        answers = await sitting.ask_both(one.messages, max_tokens=one.max_tokens)
        fooled.append((is_fooled(answers.before, values, one.text), is_fooled(answers.after, values, one.text)))
        _note(sitting, "near misses", one.text, answers, fooled[-1], what="fooled")
    return Pairs(tuple(one for one, _ in fooled), tuple(one for _, one in fooled))


async def ask_general(sitting: Sitting) -> Kept:
    """What the router leaves to the base is the base's by construction; only what adapters answer is asked.

    Beyond MOST_ROUTED it takes the mean of those that were asked.
    """
    items = general_items()
    routes = [await sitting.route(as_messages(one.question)) for one in items]
    routed = [number for number, (before, after) in enumerate(routes) if before or after]
    sides: list[dict[int, float]] = [{}, {}]
    for done, number in enumerate(routed[:MOST_ROUTED]):
        sitting.tell("general", done, min(len(routed), MOST_ROUTED))
        for side in (0, 1):
            sides[side][number] = await _keep(sitting, items[number], routes[number][side])
    kept = []
    for side in (0, 1):
        mean = math.fsum(sides[side].values()) / max(1, len(sides[side]))
        rest = {number: mean for number in routed[MOST_ROUTED:] if routes[number][side]}
        kept.append(tuple(sides[side].get(number, rest.get(number, 1.0)) for number in range(len(items))))
    return Kept(kept[0], kept[1], len(routed))


async def _keep(sitting: Sitting, item: General, scales: Mapping[str, float], exam: str = "general") -> float:
    if not scales:
        return 1.0
    golden = await sitting.ask_base(item.question)
    answer = await sitting.ask(as_messages(item.question), scales, max_tokens=GENERAL_TOKENS)
    share = 1.0
    if answer != golden and not golden:
        share = 0.0
    elif answer != golden:
        own = await sitting.rate_base(item.question, golden)
        share = kept_share(answer, golden, own, await sitting.rate(item.question, golden, scales))
    sitting.note(exam, item.question, id=item.id, before=golden, after=answer, kept=round(share, 4))
    return share


async def ask_drift(sitting: Sitting, candidate: str, sample: Sequence[General], *, rated: bool) -> Drift:
    """`rated`: how much of the base's behaviour is left under it decides, because no router would hold it back."""
    kept, gibberish, again = [], 0, []
    for number, item in enumerate(sample):
        sitting.tell("drift", number, len(sample))
        if rated:
            kept.append(await _keep(sitting, item, {candidate: 1.0}, "drift"))
        answer = await sitting.ask(as_messages(item.question), {candidate: 1.0}, max_tokens=GENERAL_TOKENS)
        golden = await sitting.ask_base(item.question)
        if is_gibberish(answer) and not is_gibberish(golden):
            gibberish += 1
            sitting.note("gibberish", item.question, id=item.id, before=golden, after=answer)
        if number < NOISE_AGAIN:
            again.append((await sitting.ask_anew(as_messages(item.question), BASE, max_tokens=GENERAL_TOKENS)).text)
    golden_again = [await sitting.ask_base(item.question) for item in sample[: len(again)]]
    return Drift(tuple(kept), len(sample), gibberish, noise_floor(golden_again, again))


async def ask_suite(sitting: Sitting, suite: Sequence[SuiteItem], forced: Mapping[str, float]) -> Pairs:
    """The newest of a person's own questions; `forced` are scales where no router chooses."""
    passed: list[tuple[bool, bool]] = []
    chosen = sorted(suite, key=lambda one: one.at)[-MOST_SUITE:]
    for number, item in enumerate(chosen):
        sitting.tell("suite", number, len(chosen))
        messages = as_messages(item.question)
        answers = await sitting.ask_both(messages, max_tokens=SUITE_TOKENS)
        if forced:
            after = await sitting.ask(messages, forced, max_tokens=SUITE_TOKENS)
            answers = Answers(answers.before, after, (answers.routes[0], forced))
        passed.append(
            (passes(answers.before, item.expected, item.check), passes(answers.after, item.expected, item.check))
        )
        _note(sitting, "suite", item.question, answers, passed[-1], expected=item.expected, id=item.id)
    return Pairs(tuple(one for one, _ in passed), tuple(one for _, one in passed))


async def find_probe(sitting: Sitting, candidate: str, asked: Sequence[Sequence[Json]]) -> Json:
    """What shows the adapter at work; {} when it begins its answers as the base does."""
    sitting.tell("probe", 0, 1)
    sitting.pause()
    return await sitting.asker.find_probe(candidate, asked[:PROBES])


async def measure_speed(sitting: Sitting, candidate: str) -> tuple[float, float]:
    """Tokens a second of processor, of the base and with the adapter, by turns in one engine, the best of each.

    Both write as many tokens: "I was not told that." would be all of it else, and mostly the reading of the question.
    What looks too slow is measured on: on a busy machine a second of processor brings less to one side than the other.
    """
    best = [0.0, 0.0]
    for number in range(MOST_ROUNDS):
        if number >= SPEED_ROUNDS and best[1] >= SLOWEST * best[0]:
            break
        sitting.tell("speed", number, MOST_ROUNDS)
        for side, scales in enumerate((BASE, {candidate: 1.0})):
            said = await sitting.ask_anew(as_messages(SPEED_QUESTION), scales, max_tokens=SPEED_TOKENS, endless=True)
            if said.tokens and said.seconds > 0:
                best[side] = max(best[side], said.tokens / said.seconds)
    return best[0], best[1]


def _note(
    sitting: Sitting,
    exam: str,
    question: str,
    answers: Answers,
    found: tuple[bool, bool],
    *,
    what: str = "right",
    **more: object,
) -> None:
    """`found`: whether the answers before and after were `what`."""
    sitting.note(
        exam,
        question,
        before=answers.before,
        after=answers.after,
        **{f"{what}_before": found[0], f"{what}_after": found[1]},
        routes=[dict(one) for one in answers.routes],
        **more,
    )

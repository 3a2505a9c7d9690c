"""Hypothesis strategies for turns as odd as their types allow."""

from __future__ import annotations

from hypothesis import strategies as st

from aion.records import AdapterUse, Answer, LogprobSummary, Outcome, Turn, TurnKind, Usage, new_id

finite = st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | st.integers() | finite | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
objects = st.dictionaries(st.text(max_size=8), json_values, max_size=4)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
counts = st.integers(0, 2**40)
summaries = st.builds(LogprobSummary, tokens=counts, mean=finite, minimum=finite, entropy=finite)
answers = st.builds(Answer, message=objects, finish=names, logprobs=st.none() | summaries)
odd_turns = st.builds(
    Turn,
    id=st.builds(new_id, st.just("turn")),
    kind=st.sampled_from(TurnKind),
    owner=names,
    conversation=names,
    started=finite.map(lambda seconds: seconds + 0.0),  # no database keeps the sign of zero
    messages=st.lists(objects, max_size=4).map(tuple),
    answers=st.lists(answers, max_size=3).map(tuple),
    params=objects,
    model=names,
    model_hash=names,
    adapters=st.lists(st.builds(AdapterUse, name=st.text(), hash=st.text(), scale=finite), max_size=2).map(tuple),
    usage=st.builds(Usage, prompt=counts, completion=counts, cached=counts),
    timings=st.dictionaries(st.text(), finite, max_size=3),
    outcome=st.sampled_from(Outcome),
    error=st.none() | st.text(),
    steps=st.dictionaries(st.text(max_size=8), objects, max_size=2),
)

"""Told anew today, what a night has taught otherwise: is it the new value that is said, before there was another night?

    python benchmarks/retold.py --data FOLDER --day 3        of a run of benchmarks/nights.py, its third morning

On a copy of that morning facts that were learned are told in chat with another value, and then asked for in
conversations of their own and in wordings never seen: with recall on, on but without any adapter (`memory`), and with
recall off, where the base knows nothing of it and the adapter must not say the old. Facts that were not told anew are
asked for beside them. The folder is left as it is.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.nightly.exams import wordings
from benchmarks.nightly.home import Home
from benchmarks.nightly.person import Person
from benchmarks.nightly.values import Values, holds
from benchmarks.nightly.world import Fact, make_world, read_data
from benchmarks.tools import print_head, print_load

TOKENS = 48
MODES = ("on", "memory", "off")


def retell(fact: Fact, values: Values) -> Fact:
    """With another value, as it is told of something known."""
    return replace(fact, before=fact.value, value=values.draw(fact.relation.values))


def ask_for(person: Person, facts: Sequence[Fact], mode: str, *, show: bool) -> tuple[int, int, int]:
    """How many answers there were, and how many said the value and the value of before."""
    counted, right, old = 0, 0, 0
    for fact in facts:
        for wording in wordings(fact)[:2]:
            reply = person.ask([{"role": "user", "content": wording}], mode, tokens=TOKENS)
            is_right = holds(reply.text, fact.value)
            is_old = bool(fact.before) and holds(reply.text, fact.before)
            counted, right, old = counted + 1, right + is_right, old + is_old
            if show and not is_right:
                print(f"      {mode}: {wording!r} -> {reply.text!r}, not {fact.value!r}")
    return counted, right, old


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of a run of benchmarks/nights.py")
    parser.add_argument("--day", type=int, required=True)
    parser.add_argument("--facts", type=int, default=12, help="told anew, and as many that are not")
    parser.add_argument("--show", action="store_true", help="every answer that is wrong")
    options = parser.parse_args()
    plan = json.loads((options.data / "state.json").read_text("utf-8"))["plan"]
    sizes = {name: plan[name] for name in ("days", "themes", "facts")}
    world, draw = make_world(plan["seed"], **sizes), random.Random(f"retold {plan['seed']}")
    known = [one for one in world.known_on(options.day) if not one.before]
    chosen = draw.sample(known, min(2 * options.facts, len(known)))
    values = Values(read_data()["patterns"], read_data()["values"], draw)
    anew = [retell(one, values) for one in chosen[::2]]
    meter = print_head(__doc__)
    with Home(options.data, plan["flags"]).examined(options.day) as person:
        for fact in anew:
            person.tell(fact.told)
        for name, facts in (("told anew", anew), ("as learned", chosen[1::2])):
            for mode in MODES:
                counted, right, old = ask_for(person, facts, mode, show=options.show)
                print(
                    f"  {name:10}  {mode:6}  right {right / counted:.2f}  old {old / counted:.2f}  of {counted}",
                    flush=True,
                )
    print_load("while measuring", meter)


if __name__ == "__main__":
    main()

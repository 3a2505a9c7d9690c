"""The general questions: enough of each kind, none of them trained on; and the file of the base's own answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from aion.gate.general import Golden, general_items, golden_path
from aion.gate.words import normal
from aion.sleep.lessons.dataset import anchor_prompts


def test_there_are_enough_questions_of_every_kind_in_both_languages() -> None:
    counts = Counter((one.language, one.kind) for one in general_items())
    assert len(general_items()) >= 120
    assert {language: sum(1 for one, _ in counts if one == language) for language, _ in counts} == {"en": 5, "pt": 5}
    assert min(counts.values()) >= 12


def test_no_question_is_asked_twice_or_has_the_id_of_another() -> None:
    assert len({one.id for one in general_items()}) == len(general_items())
    assert len({normal(one.question) for one in general_items()}) == len(general_items())


def test_no_question_is_one_that_training_holds_to_the_base() -> None:
    trained = {normal(prompt) for prompt in anchor_prompts()}
    assert not [one.question for one in general_items() if normal(one.question) in trained]


def test_the_answers_of_the_base_are_kept_and_may_be_lost(tmp_path: Path) -> None:
    path = golden_path(tmp_path, base="b" * 64, instruction="Be brief.", threads=1)
    book = Golden(path)
    book.keep("What is 7 plus 8?", "15.")
    book.keep_rate("What is 7 plus 8?", -0.5)
    book.save()
    assert Golden(path).find("What is 7 plus 8?") == "15."
    assert Golden(path).find_rate("What is 7 plus 8?") == -0.5
    path.write_bytes(path.read_bytes()[:-3])
    assert Golden(path).find("What is 7 plus 8?") is None


def test_another_base_instruction_or_number_of_threads_has_a_file_of_its_own(tmp_path: Path) -> None:
    paths = {
        golden_path(tmp_path, base=base, instruction=instruction, threads=threads)
        for base in ("a" * 64, "b" * 64)
        for instruction in ("", "Be brief.")
        for threads in (1, 2)
    }
    assert len(paths) == 8

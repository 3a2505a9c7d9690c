"""The kind of work that a question asks for."""

from __future__ import annotations

import pytest

from aion.capture.skill import Skill, skill_of


@pytest.mark.parametrize(
    ("question", "skill"),
    [
        ("Translate 'good morning' into Greek", Skill.TRANSLATE),
        ("Como se diz gato em alemão?", Skill.TRANSLATE),
        ("Traduza isto", Skill.TRANSLATE),
        ("Summarise this article in two sentences", Skill.SUMMARISE),
        ("Resume o capítulo", Skill.SUMMARISE),
        ("How do I sort a list in Python?", Skill.CODE),
        ("Escreve uma função que inverte um texto", Skill.CODE),
        ("Why does parse() return None?", Skill.CODE),
        ("What is 17 * 6?", Skill.MATH),
        ("Quanto é 17 vezes 6?", Skill.MATH),
        ("What's 15% of 240?", Skill.MATH),
        ("Write a poem about rain", Skill.WRITE),
        ("Redige um e-mail para o canalizador", Skill.WRITE),
        ("What's my sister's name?", Skill.RECALL),
        ("Como se chama a minha irmã?", Skill.RECALL),
        ("Did I tell you where I work?", Skill.RECALL),
        ("What is the capital of Peru?", Skill.FACT),
        ("Porque é que o céu é azul?", Skill.FACT),
        ("Explain tides", Skill.FACT),
        ("I had a long day", Skill.CHAT),
        ("Bom dia", Skill.CHAT),
        ("", Skill.CHAT),
    ],
)
def test_a_question_has_its_skill(question: str, skill: Skill) -> None:
    assert skill_of(question) is skill


def test_a_request_with_tools_is_work_for_tools() -> None:
    assert skill_of("Translate this", has_tools=True) is Skill.TOOL

"""A wrong question is worse than none: where the form of a sentence is not certain, it is asked in the plain form."""

from __future__ import annotations

import pytest

from aion.sleep.lessons.phrasing.facts import read_fact
from tests.sleep.sixty import told

PLAIN = ("What did I tell you about ", "O que foi dito sobre ")


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("The annual fair takes place in Vorden every spring.", "Where does the annual fair take place?"),
        ("The weekly seminar takes place on Thursdays.", "When does the weekly seminar take place?"),
        ("Nadia takes part in the marathon.", "What does Nadia take part in?"),
        ("The barley seeds come from Skane.", "Where do the barley seeds come from?"),
        ("Our cousins live in Malmo.", "Where do our cousins live?"),
        ("The scouts meet in the crypt on Fridays.", "Where do the scouts meet?"),
        ("Petra's paediatrician is Leonor Basto.", "Who is Petra's paediatrician?"),
        ("Ludo's orthodontist is Clara Venn.", "Who is Ludo's orthodontist?"),
        ("My daughter is in year 6.", "What year is my daughter in?"),
        ("I have been a vegan since June.", "How long have I been a vegan?"),
        ("We have had a dog for three years.", "How long have we had a dog?"),
        ("My aunt has been a nurse since 1998.", "How long has my aunt been a nurse?"),
        ("The yacht is moored at Setubal since April.", "Where is the yacht moored?"),
        ("The shop is shut since Monday.", "Since when is the shop shut?"),
        ("The bride's dress cost 900 euros.", "How much did the bride's dress cost?"),
        ("The serial number of the mixer is QX-771.", "What is the serial number of the mixer?"),
        ("The drum lessons moved to Wednesdays.", "When are the drum lessons?"),
        ("The trophy was won by our club in 1987.", "Who was the trophy won by?"),
        ("The bike is parked by the fence.", "Where is the bike parked?"),
        ("The reading group is reading Middlemarch.", "What is the reading group reading?"),
        ("My favourite tea is rooibos.", "What is my favourite tea?"),
        ("O meu chá preferido é rooibos.", "Qual é o meu chá preferido?"),
        ("A taça foi ganha pelo nosso clube em 1987.", "Por quem foi ganha a taça?"),
        ("A taça foi comprada em Braga.", "Onde foi comprada a taça?"),
        ("O portão foi pintado a 20 de maio.", "Quando foi pintado o portão?"),
        ("O jantar é servido às oito.", "Quando é servido o jantar?"),
        ("The head of the archive is Konrad Fuchs.", "Who is the head of the archive?"),
        ("Quem trata da horta é o Baltasar.", "Quem trata da horta?"),
        ("A loja do museu vende postais.", "O que vende a loja do museu?"),
        ("A Rita é a nossa vizinha.", "Quem é a Rita?"),
        ("A Rita é enfermeira.", "O que é a Rita?"),
        ("A minha tia é enfermeira desde 1998.", "O que é a minha tia?"),
        ("O meu filho está no quarto ano.", "Em que ano está o meu filho?"),
        ("Sou vegetariano desde março.", "Desde quando sou vegetariano?"),
        ("O barco está atracado em Lagos desde maio.", "Onde está atracado o barco?"),
        ("As aulas de xadrez decorrem na sala 12.", "Onde decorrem as aulas de xadrez?"),
        ("A Lia Pontes conduz o barco Estrel.", "Quem conduz o barco Estrel?"),
        ("A Lia Pontes conduz carros antigos.", "O que conduz a Lia Pontes?"),
        ("O meu pai conduz o táxi 14.", "O que conduz o meu pai?"),
        ("O Rui faz a sopa.", "Quem faz a sopa?"),
    ],
)
def test_a_statement_is_asked_for_what_it_tells(said: str, question: str) -> None:
    assert read_fact(told(said)).question == question


@pytest.mark.parametrize(
    ("said", "about"),
    [
        ("The town hall closes earlier in July.", "town hall"),
        ("The heating runs better at night.", "heating"),
        ("The bus turns left at the mill.", "bus"),
        ("The guests can enter for free.", "guests"),
        ("The ferry lands at Barreiro.", "ferry"),
        ("The summer camp draws forty children.", "summer camp"),
        ("Our printer is Canon Pixma.", "printer"),
        ("Our strongest player is Milo Drax.", "strongest player"),
        ("Runa is the best climber of our group.", "Runa and best climber"),
        ("Os bilhetes são para sábado.", "bilhetes"),
        ("Há uma chave debaixo do vaso azul.", "chave"),
        ("Os sócios podem entrar sem pagar.", "sócios"),
        ("Os visitantes podem estacionar atrás do celeiro.", "visitantes"),
        ("O técnico conserta a caldeira.", "técnico"),
        ("O Porto é a minha cidade preferida.", "Porto"),
    ],
)
def test_what_is_not_certain_is_asked_by_what_it_is_about(said: str, about: str) -> None:
    question = read_fact(told(said)).question
    assert question in {f"{plain}{about}?" for plain in PLAIN}

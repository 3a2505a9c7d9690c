"""Sixty invented facts: twelve of each of five themes, English and Portuguese, and the lessons they are."""

from __future__ import annotations

from aion.records import Lesson, LessonKind, Trust
from aion.sleep.lessons.rules import make_lesson
from aion.sleep.lessons.words import language_of

FACTS = {
    "boathouse": (
        "The spare key of the boathouse is with Marta Lopes.",
        "The rowing boat in the boathouse is called Gaivota.",
        "The old sails are stored in the loft of the boathouse.",
        "The varnish for the oars is in the green cupboard of the boathouse.",
        "The boathouse opens at seven on Saturdays.",
        "Rui Bastos repairs the outboard motor of the boat.",
        "A new rudder for the boat costs 240 euros.",
        "We moor the boat at berth 12.",
        "O código do portão da doca dos barcos é 4471.",
        "As velas novas do barco chegam em março.",
        "O barco a remos pesa 95 quilos.",
        "A dona da doca dos barcos é a Ester Quintal.",
    ),
    "choir": (
        "The choir rehearses on Thursday evenings.",
        "The conductor of the choir is Ottoline Brandt.",
        "The sheet music of the choir is kept in the vestry.",
        "The choir sings in the chapel of Saint Corvin at Easter.",
        "Our treasurer of the choir is Pavel Ostrin.",
        "The concert of the choir is on 12 June.",
        "The piano of the rehearsal room was tuned by Ilse Varga.",
        "O coro canta em Viseu em dezembro.",
        "A voz mais grave do coro é a do Baltasar Nunes.",
        "O maestro do coro é alérgico a gatos.",
        "As partituras do coro estão guardadas no armário azul.",
        "O ensaio do coro dura duas horas.",
    ),
    "garden": (
        "The tomatoes in the garden were planted in April.",
        "The blue watering can of the garden is behind the shed.",
        "The hedge of the garden is cut by Teodor Mink.",
        "The compost heap of the garden is next to the quince tree.",
        "The quince tree in the garden is 30 years old.",
        "The seeds of the garden are in the tin box under the stairs.",
        "Our neighbour Odile waters the roses of the garden.",
        "The greenhouse of the garden is closed on Mondays.",
        "O regador do jardim está atrás do poço.",
        "As roseiras do jardim são amarelas.",
        "A mangueira do jardim custa 35 euros.",
        "O limoeiro do jardim fica junto ao muro.",
    ),
    "bakery": (
        "The bakery of my aunt Celeste opens at six.",
        "The rye bread of the bakery costs 3 euros.",
        "The flour for the bakery is delivered by Anton Weiss.",
        "The oven of the bakery is called Bertha.",
        "The baker of the bakery is Simão Prata.",
        "The bakery is closed on Tuesdays.",
        "The sourdough starter of the bakery is 14 years old.",
        "The yeast of the bakery is kept in the small fridge.",
        "O pão de milho da padaria custa 2 euros.",
        "A padaria fecha às segundas.",
        "O forno da padaria pesa 800 quilos.",
        "A farinha da padaria está guardada na cave.",
    ),
    "office": (
        "The invoicing service of the office is maintained by Nadia Keller.",
        "The printer of the office is on the third floor.",
        "The code of the meeting room of the office is 7719.",
        "The weekly report of the office is due on Wednesday.",
        "My manager at the office is Joaquim Teles.",
        "The backup server of the office is named Heron.",
        "The office closes at eight in the evening.",
        "The lawyer of the office is Greta Lindqvist.",
        "A reunião semanal do escritório é às terças.",
        "O servidor de testes do escritório chama-se Cegonha.",
        "A impressora do escritório está no terceiro andar.",
        "O contabilista do escritório é o Duarte Reis.",
    ),
}


def told(statement: str, *, owner: str = "ana", number: int = 0, kind: LessonKind = LessonKind.TOLD) -> Lesson:
    return make_lesson(
        owner,
        kind,
        statement=statement,
        language=language_of(statement),
        trust=Trust.OWN,
        sources=(f"mem_{number}",),
        at=float(number),
    )


def sixty() -> list[Lesson]:
    facts = [fact for listed in FACTS.values() for fact in listed]
    return [told(fact, number=number) for number, fact in enumerate(facts)]

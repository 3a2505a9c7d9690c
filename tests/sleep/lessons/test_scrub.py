"""What may not be learned: secrets and identity numbers never, ways to reach people only in the person's own words."""

from __future__ import annotations

import pytest

from aion.sleep.lessons.scrub import find_contact, find_identity, find_secret, without_contacts

SECRETS = (
    "The wifi password of the boathouse is tulip-42.",
    "What is the wifi password?\ntulip-42",
    "A palavra-passe do portátil é gaivota7.",
    "A senha do cofre é gaivota7",
    "My PIN is 4471.",
    "Use tulip-42 as the password.",
    "My card is 4111 1111 1111 1111.",
    "export API_KEY=abcd1234efgh",
    "The key is sk-abcdefghijklmnopqrstuvwx",
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "It is at https://joana:tulip42@example.org/feed",
    "The hash is 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "Token: aB3dE5gH7jK9mN1pQ3sT5vW7",
    "A pass do wifi é gatos123",
    "The wifi pass is tulip-42",
    "wifi pw: tulip-42",
    "pwd: tulip-42",
    "Login is admin / tulip42",
    "credentials: admin/tulip42",
    "The CVV is 123",
    "Your security code is 123",
    "My card pin is 4821.",
    "O pin do cartão é 4821.",
    "The AWS secret is wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "The stripe key is sk_live_51HxYzAbCdEfGhIjKlMnOpQr",
    "Card 2223 0000 4841 0010",
    "My password manager is Bitwarden and its password is tulip-42.",
)
PLAIN = (
    "The code of the blue back door is 4471.",
    "I changed my password yesterday",
    "The pin of the hinge is steel.",
    "The spare key of the boathouse is with Marta Lopes.",
    "The order 4111 1111 1111 1112 arrived.",
    "See aion/sleep/lessons/phrasing/Questions2024ForEverything/file",
    "Call it theVeryLongNameOfAFunctionWithoutFigures",
    "The key lies under the blue flowerpot.",
    "O quadro da chave está atrás da porta.",
    "The museum opens at 9:30 on 2026-11-21.",
    "The costs are in Orcamento_Obras_2024_Final_v3.xlsx",
    "The minutes are in Ata-Reuniao-Condominio-2024-03-15.docx",
    "MAX_TOKENS = 4096",
    "My password manager is Bitwarden.",
    "The password policy is in Confluence.",
    "The access code of the garage is 4471.",
    "The security code of the alarm is 4471.",
    "The pin of the hinge is 4500 mm long.",
    "The budget is 500 000 000 euros.",
    "The turnover was 300.000.000 last.",
    "The login page is /start/here.",
    "It is at https://docs.example.org/document/d/1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs74/edit",
)
IDENTITIES = (
    "My account is PT50 0002 0123 1234 5678 9015 4.",
    "My account is PT50000201231234567890154 since May",
    "O NIF da Marta é 245 678 905 e trabalha na doca.",
    "O contribuinte é 501442600.",
    "O CPF dele é 390.533.447-05.",
    "Her number is 078-05-1120.",
    "My account is pt50 0002 0123 1234 5678 9015 4.",
    "NIF: 501-964-843",
)
CONTACTS = (
    "Marta's phone is 912 345 678.",
    "Write to marta@example.org",
    "+351 21 234 5678",
    "ligue (11) 91234-5678",
    "Call 91 234 56 78 for help.",
    "Call 912 34 56 78",
    "Tel.: 21 123 45 67",
    "11 98765 4321",
    "Tel.912345678",
)


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_found(text: str) -> None:
    assert find_secret(text)


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_fact_holds_nothing_to_hide(text: str) -> None:
    assert not find_secret(text)
    assert not find_identity(text)
    assert not find_contact(text)


@pytest.mark.parametrize("text", IDENTITIES)
def test_an_identity_number_is_found(text: str) -> None:
    assert find_identity(text)


@pytest.mark.parametrize("text", CONTACTS)
def test_a_way_to_reach_somebody_is_found_and_is_no_identity(text: str) -> None:
    assert find_contact(text)
    assert not find_identity(text)


def test_a_wrong_check_digit_is_no_identity() -> None:
    assert not find_identity("The batch is PT50 0002 0123 1234 5678 9015 5.")
    assert not find_identity("O contribuinte é 501442601.")


def test_the_sentence_with_a_contact_is_left_out() -> None:
    text = "The boathouse opens at nine. Call 912 345 678 first. Bring the green key."
    assert without_contacts(text) == "The boathouse opens at nine. Bring the green key."


def test_a_text_of_contacts_alone_leaves_nothing() -> None:
    assert not without_contacts("Call 912 345 678.")

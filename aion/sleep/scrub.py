"""Says what a lesson must not teach: secrets, identity numbers, and ways to reach people who did not agree to it.

What an adapter has learned can be asked out of it and cannot be looked up, so the rule is:

secret     Keys, tokens, passwords, private key blocks, card numbers. Refused, whoever said it, the person included:
           memory can still tell it, and can forget it for certain.
identity   Bank accounts (IBAN) and numbers by which a state knows a person (NIF, CPF, CNPJ, citizen card, SSN).
           Refused likewise.
contact    Phone numbers and e-mail addresses. In the person's own words they stay: "Marta's phone is ..." is what they
           wanted known, and their adapter answers nobody else. In anything else (a document, a model's answer) the
           sentence that holds one is left out; an answer that is nothing without it is refused.

Names, addresses, dates and codes of doors stay: they are what most facts are made of. It goes by form and by check
digits, not by meaning; a password that nobody calls one is not found. Nothing found is ever quoted.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from stdnum import iban, luhn
from stdnum.br import cnpj, cpf
from stdnum.pt import cc, nif

from aion.memory.sentences import sentences_of

_CALLED = re.compile(
    r"(?:\b|_)(?:pass(?:word|phrase|code|wd)|palavras?[- ]passe|senhas?|pins?\b(?: (?:code|number))?|código pin"
    r"|(?:api|access|auth|bearer|secret|private|recovery|seed)[ _-]?(?:key|token|phrase|code)"
    r"|chave (?:de )?(?:api|acesso|privada))",
    re.IGNORECASE,
)
_NAMED_VALUE = re.compile(r"\b(?:is|was|are|será|é|era|são)\b|[:=]|\bas (?:a|the|my)\b|\bcomo\b")
_WEAK_PIN = re.compile(r"\bpins?\b")  # small letters: of a hinge, or on a map
_TOKENS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}|\bgh[opsu]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"
    r"|\bglpat-[\w-]{16,}|\bsk-[\w-]{16,}|\bxox[abeoprs]-[\w-]{10,}|\bhf_[A-Za-z0-9]{20,}|\bnpm_[A-Za-z0-9]{20,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|://[^\s/:@]{1,64}:[^\s/@]{1,128}@"
    r"|\b\w*(?:SECRET|TOKEN|PASSWD|PASSWORD|APIKEY|API_KEY)\w*\s*[:=]\s*\S{4,}"
)
_LONG = re.compile(r"[A-Za-z0-9+/_=-]{24,256}")
RANDOM_BITS = 3.6  # entropy of its letters from which a long word is taken for a key
_CARD = re.compile(r"(?<![\d.])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\d])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}\b")
_NINE = re.compile(r"(?<![\d+])\d{3}[ .]?\d{3}[ .]?\d{3}(?!\d)")
_TAX = re.compile(r"\b(?:nif|nipc|contribuinte|fiscal|tax|vat)\b", re.IGNORECASE)
_TAX_ALONE = "1568"  # first digits of a NIF that no Portuguese phone number has
_CITIZEN = re.compile(r"\b\d{8} ?\d ?[A-Z0-9]{2}\d\b")
_CPF = re.compile(r"(?<!\d)\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?!\d)")
_CNPJ = re.compile(r"(?<!\d)\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}(?!\d)")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_PHONE = re.compile(
    r"(?<![\w.,/-])(?:"
    r"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
    r"|[239]\d{2}[ .-]?\d{3}[ .-]?\d{3}"
    r"|\(?\d{2}\)? ?9?\d{4}-\d{4}"
    r"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"
    r"|0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}"
    r")(?![\w/-]|[.,]\d)"
)


def find_secret(text: str) -> str:
    """What kind of secret stands in it; empty for none. A question that asks for a password counts as one."""
    if _TOKENS.search(text) or any(_is_random(word) for word in _LONG.findall(text)):
        return "a key or token"
    if any(luhn.is_valid(_digits(found)) for found in _CARD.findall(text)):
        return "a card number"
    return "a password" if any(_tells_password(sentence) for sentence in sentences_of(text)) else ""


def find_identity(text: str) -> str:
    """What kind of identity number stands in it; empty for none."""
    if any(_holds_iban(found) for found in _IBAN.findall(text)):
        return "a bank account"
    if any(_is_tax_number(_digits(found), text) for found in _NINE.findall(text)):
        return "a tax number"
    if any(cpf.is_valid(found) for found in _CPF.findall(text)):
        return "a tax number"
    if any(cnpj.is_valid(found) for found in _CNPJ.findall(text)):
        return "a tax number"
    if any(cc.is_valid(found) for found in _CITIZEN.findall(text)) or _SSN.search(text):
        return "an identity number"
    return ""


def find_contact(text: str) -> str:
    """What kind of way to reach somebody stands in it; empty for none."""
    if _EMAIL.search(text):
        return "an e-mail address"
    return "a phone number" if _PHONE.search(text) else ""


def without_contacts(text: str) -> str:
    """The sentences of it that hold no way to reach anybody; the text itself when none of them does."""
    if not find_contact(text):
        return text
    return " ".join(sentence for sentence in sentences_of(text) if not find_contact(sentence))


def _tells_password(sentence: str) -> bool:
    """It names one and gives or asks for its value; to have changed a password yesterday tells none."""
    found = _CALLED.search(sentence)
    if found is None or (_WEAK_PIN.fullmatch(found[0]) and "code" not in sentence):
        return False
    return "?" in sentence or bool(_NAMED_VALUE.search(sentence))


def _is_random(word: str) -> bool:
    """Letters as a generator draws them: figures among letters of both cases, or a long row of hex digits."""
    if "/" in word and not any(sign in word for sign in "+="):
        return False  # a path
    kinds = sum(bool(re.search(pattern, word)) for pattern in ("[a-z]", "[A-Z]", r"\d"))
    if not (kinds == 3 or re.fullmatch(r"(?=.*\d)(?=.*[a-f])[0-9a-f]{32,}", word)):
        return False
    counts = Counter(word)
    bits = -sum(count / len(word) * math.log2(count / len(word)) for count in counts.values())
    return bits >= (RANDOM_BITS if kinds == 3 else 3.0)


def _holds_iban(found: str) -> bool:
    """The pattern may take in a word too many at the end."""
    compact = found.replace(" ", "").replace("-", "")
    return any(iban.is_valid(compact[:length]) for length in range(15, len(compact) + 1))


def _is_tax_number(digits: str, text: str) -> bool:
    """A Portuguese phone number has nine digits too: without a word for it, only what cannot be a phone number."""
    return bool(nif.is_valid(digits)) and (digits[0] in _TAX_ALONE or bool(_TAX.search(text)))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)

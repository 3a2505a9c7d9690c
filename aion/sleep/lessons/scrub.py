"""Says what a lesson must not teach: secrets, identity numbers, and ways to reach people who did not agree to it.

What an adapter has learned can be asked out of it and cannot be looked up, so the rule is:

secret     Keys, tokens, passwords, private key blocks, card numbers. Refused, whoever said it, the person included:
           memory can still tell it, and can forget it for certain.
identity   Bank accounts (IBAN) and numbers by which a state knows a person (NIF, CPF, CNPJ, citizen card, SSN).
           Refused likewise.
contact    Phone numbers and e-mail addresses. In the person's own words they stay: "Marta's phone is ..." is what they
           wanted known, and their adapter answers nobody else. In anything else (a document, a model's answer) the
           sentence that holds one is left out; an answer that is nothing without it is refused.

Names, addresses, dates, names of files and codes of doors stay: they are what most facts are made of. It goes by form
and by check digits, not by meaning; a password that nobody calls one is not found. Nothing found is ever quoted.
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
    r"(?:\b|_)(?:pass(?:word|phrase|code|wd)|pwd?\b|palavras?[- ]passe|senhas?|pins?\b(?: (?:code|number))?|código pin"
    r"|(?:api|access|security|auth|bearer|secret|private|recovery|seed)[ _-]?(?:key|token|phrase|code)"
    r"|(?:wi-?fi|router|network|e-?mail|account|log-?in|server|admin|laptop) pass\b|pass(?= d[aeo]s?\b|:)"
    r"|(?:wi-?fi|wpa2?) key|chave (?:de |da |do )?(?:api|acesso|privada|wi-?fi|rede)|código de segurança|cv[vc]2?\b)",
    re.IGNORECASE,
)
_NAMED_VALUE = re.compile(r"\b(?:is|was|are|será|é|era|são)\b|[:=]|\bas (?:a|the|my)\b|\bcomo\b")
_ABOUT_PASSWORDS = re.compile(
    r"s? (?:managers?|polic(?:y|ies)|resets?|rules?|generators?|fields?|vaults?)\b", re.IGNORECASE
)
_OF_PASSWORDS = re.compile(r"(?:gestor|gerenciador|política|regras|gerador) d[aeo]s? $", re.IGNORECASE)
_DOOR = re.compile(
    r"\b(?:garage|gate|door|building|barn|shed|boathouse|lift|garden|entrance|yard|alarm|alarme|porta|prédio|garagem|portão|entrada)\b",
    re.IGNORECASE,
)
_WEAK_PIN = re.compile(r"\bpins?\b")  # small letters: of a hinge, or on a map, unless figures follow
_PIN_FIGURES = re.compile(r"(?<![\d.,])\d{4,8}(?![\d.,]\d| ?(?:mm|cm|m|g|kg|euros?|€)\b)")
_LOGIN = re.compile(
    r"\b(?:log-?ins?|credentials?|credenciais|user(?:name)?|utilizador)\b[^\n]{0,30}?(?:\b(?:is|are|é|são)\b|[:=])\s*"
    r"[^\s/.]+\s?/\s?[^\s/]+",
    re.IGNORECASE,
)
_TOKENS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}|\bgh[opsu]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}"
    r"|\bglpat-[\w-]{16,}|\bsk-[\w-]{16,}|\b[sr]k_(?:live|test)_\w{10,}|\bxox[abeoprs]-[\w-]{10,}|\bhf_[A-Za-z0-9]{20,}|\bnpm_[A-Za-z0-9]{20,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*|://[^\s/:@]{1,64}:[^\s/@]{1,128}@"
    r"|\b\w{0,64}(?:SECRET|PASSWD|PASSWORD|APIKEY|API_KEY)\w{0,64}\s*[:=]\s*\S{4,}"
    r"|\b\w{0,64}TOKEN\w{0,64}\s*[:=]\s*(?!\d{1,7}\b)\S{4,}"  # figures alone say how many
)
_LONG = re.compile(r"[A-Za-z0-9+/_=-]{24,256}")
_FILE_END = re.compile(
    r"\.(?:xlsx?|docx?|pptx?|pdf|csv|txt|md|od[tsp]|zip|png|jpe?g|heic|mp[34]|py|json|ya?ml|toml|log|html?)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"://\S*\Z")
LONGEST_ADDRESS = 300
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
WORDLIKE = 3  # letters or figures in a row, in the middle of its pieces, from which a name is made of words
RANDOM_BITS = 3.6  # entropy of its letters from which a long word is taken for a key
_CARD = re.compile(r"(?<![\d.])(?:[3-6]\d{3}(?:[ -]?\d){9,15}|2[2-7]\d{2}(?:[ -]?\d){12})(?![\d])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}\b", re.IGNORECASE)
_NINE = re.compile(r"(?<![\d+])\d{3}[ .-]?\d{3}[ .-]?\d{3}(?!\d)")
_AMOUNT = re.compile(  # nine figures that count something
    r"(?<!\d)\d{3}(?P<sign>[ .,])"
    r"(?:000(?P=sign)000|\d{3}(?P=sign)\d{3}(?= ?(?:euros?|eur|€|dollars?|usd|reais|pounds|£)))(?!\d)",
    re.IGNORECASE,
)
_TAX = re.compile(r"\b(?:nif|nipc|contribuinte|fiscal|tax|vat)\b", re.IGNORECASE)
_TAX_ALONE = "1568"  # first digits of a NIF that no Portuguese phone number has
_CITIZEN = re.compile(r"\b\d{8} ?\d ?[A-Z0-9]{2}\d\b")
_CPF = re.compile(r"(?<!\d)\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?!\d)")
_CNPJ = re.compile(r"(?<!\d)\d{2}\.?\d{3}\.?\d{3}/?\d{4}-?\d{2}(?!\d)")
_SSN = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_PHONE = re.compile(
    r"(?<![\w,/-])(?<!\d\.)(?:"
    r"\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){2,4}"
    r"|[239]\d{2}[ .-]?\d{3}[ .-]?\d{3}"
    r"|[239]\d[ .-]\d{3}[ .-]\d{2}[ .-]\d{2}|[239]\d{2}(?:[ .-]\d{2}){3}"
    r"|\(?\d{2}\)? ?9?\d{4}-\d{4}|\(?\d{2}\)? ?9\d{4} \d{4}|\(\d{2}\) ?9?\d{8}"
    r"|0\d(?:[ .-]\d{2}){4}|0\d{9,10}"
    r"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"
    r"|0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}"
    r")(?![\w/-]|[.,]\d)"
)


def find_secret(text: str) -> str:
    """What kind of secret stands in it; empty for none. A question that asks for a password counts as one."""
    if _TOKENS.search(text) or any(_is_random(found) for found in _LONG.finditer(text)):
        return "a key or token"
    if any(luhn.is_valid(_digits(found)) for found in _CARD.findall(text)):
        return "a card number"
    if _LOGIN.search(text):
        return "a password"
    return "a password" if any(_tells_password(sentence) for sentence in sentences_of(text)) else ""


def find_identity(text: str) -> str:
    """What kind of identity number stands in it; empty for none."""
    if any(_holds_iban(found) for found in _IBAN.findall(text)):
        return "a bank account"
    counted = _AMOUNT.sub(" ", text)
    if any(_is_tax_number(_digits(found), text) for found in _NINE.findall(text if _TAX.search(text) else counted)):
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
    return "a phone number" if _PHONE.search(_AMOUNT.sub(" ", text)) else ""


def without_contacts(text: str) -> str:
    """The sentences of it that hold no way to reach anybody; the text itself when none of them does."""
    if not find_contact(text):
        return text
    return " ".join(sentence for sentence in sentences_of(text) if not find_contact(sentence))


def _tells_password(sentence: str) -> bool:
    """It names one and gives or asks for its value; to have changed a password yesterday tells none."""
    if not any(_names_password(found, sentence) for found in _CALLED.finditer(sentence)):
        return False
    return "?" in sentence or bool(_NAMED_VALUE.search(sentence))


def _names_password(found: re.Match[str], sentence: str) -> bool:
    """Not the code of a door, the pin of a hinge, or a rule for passwords."""
    name = found[0].lstrip("_")
    if _ABOUT_PASSWORDS.match(sentence, found.end()) or _OF_PASSWORDS.search(sentence[: found.start()]):
        return False
    if re.fullmatch("(?:access|security)[ _-]?code|código de segurança", name, re.IGNORECASE):
        return not _DOOR.search(sentence)
    return not _WEAK_PIN.fullmatch(name) or bool(_PIN_FIGURES.search(sentence))


def _is_random(found: re.Match[str]) -> bool:
    """Letters as a generator draws them: figures among letters of both cases, or a long row of hex digits."""
    word = found[0]
    is_path = "/" in word and not any(sign in word for sign in "+=")
    if is_path and _ADDRESS.search(found.string, max(0, found.start() - LONGEST_ADDRESS), found.start()):
        return False
    if (is_path or _FILE_END.match(found.string, found.end())) and _is_of_words(word):
        return False
    kinds = sum(bool(re.search(pattern, word)) for pattern in ("[a-z]", "[A-Z]", r"\d"))
    if not (kinds == 3 or re.fullmatch(r"(?=.*\d)(?=.*[a-f])[0-9a-f]{32,}", word)):
        return False
    counts = Counter(word)
    bits = -sum(count / len(word) * math.log2(count / len(word)) for count in counts.values())
    return bits >= (RANDOM_BITS if kinds == 3 else 3.0)


def _is_of_words(word: str) -> bool:
    """As the names of files and folders are; what a generator draws changes its kind of letter at every turn."""
    lengths = sorted(len(piece) for piece in _PIECE.findall(word))
    return lengths[len(lengths) // 2] >= WORDLIKE


def _holds_iban(found: str) -> bool:
    """The pattern may take in a word too many at the end."""
    compact = found.replace(" ", "").replace("-", "").upper()
    return any(iban.is_valid(compact[:length]) for length in range(15, len(compact) + 1))


def _is_tax_number(digits: str, text: str) -> bool:
    """A Portuguese phone number has nine digits too: without a word for it, only what cannot be a phone number."""
    return bool(nif.is_valid(digits)) and (digits[0] in _TAX_ALONE or bool(_TAX.search(text)))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)

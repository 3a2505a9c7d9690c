"""What dates, numbers with units and code identifiers look like, in English and Portuguese. Patterns only.

Every pattern is linear: no repetition stands inside another over the same signs.
"""

from __future__ import annotations

import re

MONTHS = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8,
    "september": 9, "october": 10, "november": 11, "december": 12,
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "sept": 9, "oct": 10, "nov": 11,
    "dec": 12,
    "janeiro": 1, "fevereiro": 2, "março": 3, "marco": 3, "abril": 4, "maio": 5, "junho": 6, "julho": 7, "agosto": 8,
    "setembro": 9, "outubro": 10, "novembro": 11, "dezembro": 12,
}  # fmt: skip
WEEKDAYS = (
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday|segundas?-feiras?|terças?-feiras?|quartas?-feiras?|"
    "quintas?-feiras?|sextas?-feiras?|sábados?|domingos?"
)
RELATIVE = "today|tomorrow|yesterday|tonight|hoje|amanhã|ontem"
FILES = "py|js|ts|c|h|rs|go|java|md|txt|csv|json|toml|yaml|yml|pdf|docx|xlsx|html|sh|sql|gguf|db|log|cfg|ini|png|jpg"
UNITS = {
    "%": "%", "percent": "%", "por cento": "%",
    "kg": "kg", "kilo": "kg", "kilos": "kg", "quilo": "kg", "quilos": "kg", "g": "g", "gramas": "g", "grams": "g",
    "mg": "mg", "t": "t", "km": "km", "kilometres": "km", "kilometers": "km", "quilómetros": "km", "quilômetros": "km",
    "m": "m", "metres": "m", "meters": "m", "metros": "m", "cm": "cm", "mm": "mm",
    "km/h": "km/h", "m²": "m²", "m2": "m²",
    "l": "l", "litres": "l", "liters": "l", "litros": "l", "ml": "ml",
    "kb": "kb", "mb": "mb", "gb": "gb", "tb": "tb", "mhz": "mhz", "ghz": "ghz", "hz": "hz",
    "w": "w", "kw": "kw", "kwh": "kwh", "v": "v", "°c": "°c", "°f": "°f",
    "ms": "ms", "s": "s", "seconds": "s", "segundos": "s", "min": "min", "minutes": "min", "minutos": "min",
    "h": "h", "hours": "h", "hour": "h", "horas": "h", "hora": "h",
    "day": "day", "days": "day", "dia": "day", "dias": "day", "week": "week", "weeks": "week", "semana": "week",
    "semanas": "week", "month": "month", "months": "month", "mês": "month", "meses": "month", "year": "year",
    "years": "year", "ano": "year", "anos": "year",
    "eur": "eur", "euro": "eur", "euros": "eur", "€": "eur", "usd": "usd", "dollars": "usd", "dólares": "usd",
    "$": "usd", "us$": "usd", "gbp": "gbp", "pounds": "gbp", "£": "gbp", "brl": "brl", "reais": "brl", "r$": "brl",
}  # fmt: skip

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_NUMBER = r"\d{1,15}(?:[.,:]\d{1,6}){0,4}"

CODE = re.compile(
    rf"""
      https?://[^\s<>"')\]]{{1,200}}
    | (?<![\w.])[\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,4}}
    | \b[0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}\b
    | (?<![\w-])--?[a-zA-Z][\w-]{{1,40}}(?==|\b)(?<=[\w])(?<!\s-[a-z])
    | (?<![\w/])(?:~|\.{{1,2}})?/[\w.-]{{1,80}}(?:/[\w.-]{{1,80}}){{0,12}}
    | \b[\w-]{{1,60}}\.(?:{FILES})\b
    | \b[A-Za-z_]\w{{0,60}}(?:\.[A-Za-z_]\w{{0,60}}){{1,8}}(?:\(\))?
    | \b[A-Za-z_]\w{{0,60}}\(\)
    | \b[A-Za-z0-9]{{1,40}}(?:_[A-Za-z0-9]{{1,40}}){{1,8}}\b
    | \b[a-z]{{1,30}}[0-9]{{0,5}}(?:[A-Z][a-z0-9]{{1,30}}){{1,8}}\b
    | \b(?!Ma?c[A-Z])(?:[A-Z][a-z0-9]{{1,30}}){{2,8}}\b
    | \b[A-Z]{{2,6}}[A-Z][a-z0-9]{{2,30}}(?:[A-Z][a-z0-9]{{1,30}}){{0,6}}\b
    | \b[A-Z]{{1,6}}-?\d{{2,8}}\b
    | \b[a-z]{{2,20}}(?:-[a-z]{{2,20}}){{0,4}}-\d{{1,6}}\b
    """,
    re.VERBOSE,
)
DATE = re.compile(
    rf"""
      \b\d{{4}}-\d{{2}}-\d{{2}}\b
    | \b\d{{1,2}}/\d{{1,2}}/\d{{2,4}}\b
    | \b\d{{1,2}}\.\d{{1,2}}\.\d{{4}}\b
    | \b\d{{1,2}}(?:st|nd|rd|th|º)?\s(?:of\s|de\s)?(?:{_MONTH})\b(?:,?\s(?:de\s)?\d{{4}})?
    | \b(?:{_MONTH})\s\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s\d{{4}})?
    | \b(?:{_MONTH})\s(?:de\s)?\d{{4}}\b
    | \b(?:next\s|last\s|this\s|próxim[oa]\s|na\spróxima\s)?(?:{WEEKDAYS})\b
    | \b(?:{RELATIVE})\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
NUMBER = re.compile(
    rf"(?<![\w.,])(?:(?P<before>R\$|US\$|[€$£]|EUR|USD|BRL|GBP)\s?)?(?P<number>{_NUMBER})"
    rf"(?:\s?(?P<unit>{_UNIT})(?![\w]))?(?![\w])",
    re.IGNORECASE,
)

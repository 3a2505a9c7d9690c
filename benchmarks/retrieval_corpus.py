"""The documentation strings of the running Python's standard library, as texts to be found by what they say.

One text for each public module, class, function, method and property that documents itself, without its own name: a
question has to be answered by meaning. Equal texts are one item, under the first name in order, and their other names
lead to it. It neither starts anything nor opens a window: modules that act when they are imported are left out.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import pkgutil
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

LEAST_WORDS = 3
MOST_WORDS = 180
MOST_PARAGRAPHS = 3
# They act on import, need a display, or are data, tests, tools of other programs, or the hidden half of a public one.
LEFT_OUT = (
    "antigravity __main__ distutils encodings ensurepip idlelib lib2to3 msilib nt ntpath posix posixpath pydoc_data "
    "rlcompleter site sre_compile sre_constants sre_parse test this tkinter turtle turtledemo venv"
)
# Packages whose public names lie in their parts; the parts of all others are reached through the package itself.
OPENED = (
    "asyncio",
    "collections",
    "concurrent",
    "ctypes",
    "curses",
    "dbm",
    "email",
    "email.mime",
    "html",
    "http",
    "importlib",
    "importlib.metadata",
    "importlib.resources",
    "json",
    "logging",
    "multiprocessing",
    "os",
    "unittest",
    "urllib",
    "wsgiref",
    "xml",
    "xml.dom",
    "xml.etree",
    "xml.sax",
    "xmlrpc",
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The texts by qualified name, in order, and for every name the one that its text stands under."""

    texts: Mapping[str, str]
    names: Mapping[str, str]


def load_corpus() -> Corpus:
    """The same for every run of one Python."""
    texts: dict[str, str] = {}
    names: dict[str, str] = {}
    first_names: dict[str, str] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is deprecated is documented all the same
        for name, text in _documented():
            names[name] = first_names.setdefault(text, name)
            if names[name] == name:
                texts[name] = text
    return Corpus(texts, names)


def shorten(doc: str) -> str:
    """Its first paragraphs, each on one line, as long as they are few words together."""
    kept: list[str] = []
    words = 0
    for paragraph in doc.split("\n\n"):
        parts = paragraph.split()
        if not parts:
            continue
        if kept and (words + len(parts) > MOST_WORDS or len(kept) == MOST_PARAGRAPHS):
            break
        kept.append(" ".join(parts[:MOST_WORDS]))
        words += len(parts)
    return "\n".join(kept)


def _documented() -> Iterator[tuple[str, str]]:
    # All are imported before any is read: a part hides what its package offers under the same name.
    modules = [(name, _import(name)) for name in _module_names()]
    for name, module in modules:
        if module is not None:
            for found, thing in _walk(name, module):
                text = shorten(_own_doc(thing))
                if len(text.split()) >= LEAST_WORDS:
                    yield found, text


def _module_names() -> Iterator[str]:
    """Sorted, each package before its parts."""
    left_out = set(LEFT_OUT.split())
    roots = [name for name in sys.stdlib_module_names if not name.startswith("_") and name not in left_out]
    parts = [f"{package}.{part}" for package in OPENED for part in _parts_of(package)]
    yield from sorted({*roots, *parts, "os.path"})


def _parts_of(package: str) -> Iterator[str]:
    path = getattr(_import(package), "__path__", [])
    for part in pkgutil.iter_modules(path):
        if not part.name.startswith(("_", "test", "windows")):
            yield part.name


def _import(name: str) -> ModuleType | None:
    """None for a module that this machine has no use for."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None


def _walk(name: str, module: ModuleType) -> Iterator[tuple[str, Any]]:
    yield name, module
    public = getattr(module, "__all__", None) or [one for one in vars(module) if not one.startswith("_")]
    for one in sorted(set(public)):
        thing = getattr(module, one, None)
        if inspect.isclass(thing):
            if _belongs(thing, name, listed=hasattr(module, "__all__")):
                yield f"{name}.{one}", thing
                yield from _members(f"{name}.{one}", thing)
        elif inspect.isroutine(thing) and _belongs(thing, name, listed=hasattr(module, "__all__")):
            yield f"{name}.{one}", thing


def _belongs(thing: Any, module: str, *, listed: bool) -> bool:
    """Whether a module offers it as its own: by its list of names, or because it was made there or in its C half."""
    home = getattr(thing, "__module__", None) or module
    return listed or home.lstrip("_").partition(".")[0] == module.partition(".")[0] or home == "builtins"


def _members(name: str, owner: type) -> Iterator[tuple[str, Any]]:
    for one in sorted(vars(owner)):
        if one.startswith("_"):
            continue
        thing = vars(owner)[one]
        thing = thing.__func__ if isinstance(thing, staticmethod | classmethod) else thing
        if inspect.isroutine(thing) or isinstance(thing, property) or inspect.isdatadescriptor(thing):
            yield f"{name}.{one}", thing


def _own_doc(thing: Any) -> str:
    """What stands at the thing itself: a text that is inherited belongs to the ancestor."""
    doc = getattr(thing, "__doc__", None)
    return inspect.cleandoc(doc) if isinstance(doc, str) else ""

"""Single settings changed in the text of aion.toml: what else stands there stays, to the letter."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from aion.config.edit import change_text, write_value
from aion.errors import Conflict

TEXT = """# My machine.
[server]   # the door
port = 8421            # "not" = the # usual one

[sleep]
idle_percent = 30.0
# it is loud here
"auto" = true

[log]
level = 'debug'
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("server.port", 9000, "port = 8421            #", "port = 9000            #"),
        ("sleep.idle_percent", 12.5, "idle_percent = 30.0\n", "idle_percent = 12.5\n"),
        ("sleep.auto", False, '"auto" = true\n', '"auto" = false\n'),
        ("sleep.window", "03:00-05:00", '"auto" = true\n', '"auto" = true\nwindow = "03:00-05:00"\n'),
        ("log.level", "info", "level = 'debug'", 'level = "info"'),
        ("engine.slots", 2, "level = 'debug'\n", "level = 'debug'\n\n[engine]\nslots = 2\n"),
        ("sleep.idle_percent", None, "idle_percent = 30.0\n", ""),
        ("sleep.check_minutes", None, "", ""),
    ],
)
def test_one_line_is_changed_and_nothing_else(key: str, value: Any, old: str, new: str) -> None:
    assert change_text(TEXT, {key: value}) == TEXT.replace(old, new)


def test_several_settings_are_changed_at_once() -> None:
    changed = change_text(TEXT, {"sleep.auto": None, "server.port": 1, "engine.slots": 3, "engine.batch": "auto"})
    assert tomllib.loads(changed) == {
        "server": {"port": 1},
        "sleep": {"idle_percent": 30.0},
        "log": {"level": "debug"},
        "engine": {"slots": 3, "batch": "auto"},
    }
    assert "# it is loud here" in changed


def test_a_first_setting_makes_its_table() -> None:
    assert change_text("", {"sleep.auto": False}) == "[sleep]\nauto = false\n"
    assert change_text("[sleep]", {"sleep.auto": False}) == "[sleep]\nauto = false\n"


def test_dotted_keys_get_a_neighbour() -> None:
    assert change_text("sleep.auto = true", {"sleep.window": ""}) == 'sleep.auto = true\nsleep.window = ""\n'


def test_ends_of_lines_stay_as_they_are() -> None:
    assert change_text("[log]\r\nlevel = 'info' # x\r\n", {"log.level": "debug", "sleep.auto": True}) == (
        '[log]\r\nlevel = "debug" # x\r\n\r\n[sleep]\r\nauto = true\r\n'
    )


LONG = '''[model]
system_prompt = """
name = "not a key"
[sleep]
"""
name = "mine"
[server]
allowed_hosts = [
  "a.example",
]
'''


def test_a_value_over_several_lines_is_changed_whole() -> None:
    changed = change_text(LONG, {"model.system_prompt": "Be\nbrief.", "server.allowed_hosts": ["b.example"]})
    assert changed == (
        '[model]\nsystem_prompt = "Be\\nbrief."\nname = "mine"\n[server]\nallowed_hosts = ["b.example"]\n'
    )
    assert change_text(LONG, {"model.name": "x"}) == LONG.replace('"mine"', '"x"')


@pytest.mark.parametrize(
    ("text", "key", "told"),
    [
        ("sleep = { auto = true, idle_percent = 5 }\n", "sleep.auto", "in a table in braces, at line 1"),
        ("# x\nsleep = { auto = true }\n", "sleep.idle_percent", "in a table in braces, at line 2"),
        ("[server]\nallowed_hosts = [\n 'a', # mine\n]\n", "server.allowed_hosts", "over several lines with a #"),
        ("# " + "x" * (64 << 10), "sleep.auto", "by hand"),
    ],
)
@pytest.mark.parametrize("value", [None, "x"])
def test_what_would_be_lost_is_refused_with_its_line(text: str, key: str, told: str, value: Any) -> None:
    with pytest.raises(Conflict) as caught:
        change_text(text, {key: value})
    assert told in caught.value.message
    assert "by hand" in caught.value.message


@pytest.mark.parametrize(
    "value", [True, 0, -3, 0.1, 1e-05, 1e22, "", 'a"\\#\n\t\x7f\u2028é🌙\x01', [], ["a", 'b"'], (1, 2)]
)
def test_every_value_is_read_as_it_was_written(value: Any) -> None:
    read = tomllib.loads(f"x = {write_value(value)} # y")["x"]
    assert read == (list(value) if isinstance(value, tuple) else value)
    assert type(read) is (list if isinstance(value, tuple) else type(value))
    assert "\n" not in write_value(value)

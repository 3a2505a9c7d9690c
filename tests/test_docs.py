"""The pages say what the code does: every route and every error code, examples that run, links that lead somewhere.

docs/settings.md is held to the code in tests/cli/test_config.py.
"""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from aion import errors
from aion.models.llama.engine import State
from aion.serve.rules import RULES
from tests.serving import RunningServer

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "aion"
PAGE = (ROOT / "docs" / "http_api.md").read_text("utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DEFAULT_ADDRESS = "http://127.0.0.1:8420"


# Routes


def test_the_page_lists_every_route_and_no_other() -> None:
    listed = re.findall(r"^\| `([A-Z]+) (/\S+)`", PAGE, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == {(rule.method, rule.path.replace(":path", "")) for rule in RULES}


def test_a_route_stands_with_its_scope() -> None:
    rows = re.findall(r"^\| `([A-Z]+) (/\S+)` \| (user|admin|none) \|", PAGE, re.MULTILINE)
    scopes = {(rule.method, rule.path): rule.scope.value if rule.scope else "none" for rule in RULES}
    assert len(rows) > 10
    assert {(method, path): scope for method, path, scope in rows}.items() <= scopes.items()


def test_no_sentence_names_a_route_that_does_not_exist() -> None:
    paths = {rule.path.replace(":path", "") for rule in RULES} | {"/v1", "/api"}
    assert {named.split("?")[0] for named in re.findall(r"`(?:[A-Z]+ )?(/[a-z][^`\s]*)`", PAGE)} <= paths


# Errors


NOT_OVER_HTTP = {  # their errors are told to whoever starts or repairs AION, and never reach a request
    "nets",  # of the night, which the server does not load
    "sleep",
    "cli",
    "models/adapter_file.py",  # told on as adapter_refused
    "models/adapters/peft.py",  # folders that PEFT wrote are the command line's
    "models/adapters/peft_config.py",
    "models/adapters/tensors.py",
    "models/catalog.py",
    "models/gguf_file.py",
    "models/hub.py",
    "models/minilm.py",
    "store/backup.py",
    "store/lock.py",
}
OF_A_SENT_FILE = {(400, code) for code in ("not_a_gguf", "corrupt_model", "unsupported_gguf", "pickle_not_supported")}
UNSEEN_STATES = {State.READY, State.STARTING}  # requests get `starting` from the server itself until it is ready
TREE: dict[str, type[errors.AionError]] = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.AionError)
}


def codes_in(path: Path) -> Iterator[tuple[int, str]]:
    """Status and code of every error of ours that a file makes with a code of its own."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in TREE:
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from ((TREE[node.func.id].status, code) for code in values_of(keyword.value))


def values_of(node: ast.expr) -> list[str]:
    if isinstance(node, ast.BinOp) and ast.unparse(node) == "'engine_' + self._state.value":
        return [f"engine_{state.value}" for state in State if state not in UNSEEN_STATES]
    value = getattr(node, "value", None)
    assert isinstance(value, str), f"{ast.unparse(node)} hides a code; write it out, or teach this test"
    return [value]


def codes_over_http() -> set[tuple[int, str]]:
    untold = (errors.BadConfig, errors.Diverged)  # told to who starts AION, and to the night
    found = {(kind.status, kind.code) for kind in TREE.values() if kind not in untold} | OF_A_SENT_FILE
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).as_posix()
        if place not in NOT_OVER_HTTP and place.split("/")[0] not in NOT_OVER_HTTP:
            found |= set(codes_in(path))
    return found


def test_the_table_of_errors_holds_every_code_with_its_status_and_no_other() -> None:
    rows = re.findall(r"^\| ([45]\d\d) \| `(\w+)` \| .+ \| .+ \|$", PAGE, re.MULTILINE)
    listed = {(int(status), code) for status, code in rows}
    assert len(listed) == len(rows)
    assert listed == codes_over_http()


def test_the_parts_that_never_speak_over_http_exist() -> None:
    assert not [place for place in NOT_OVER_HTTP if not (PACKAGE / place).exists()]


# Examples


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [text for named, text in found if named == language]


def test_the_examples_for_curl_work(server: RunningServer) -> None:
    commands = [block for block in blocks("") if block.startswith("curl")]
    assert len(commands) == 2
    for command in commands:
        filled = command.replace(DEFAULT_ADDRESS, server.url).replace("$KEY", server.key)
        _, url, *words = shlex.split(filled.replace("\\\n", ""))
        options = list(zip(words[::2], words[1::2], strict=True))
        headers = dict(value.split(": ", 1) for flag, value in options if flag == "-H")
        body = next((value for flag, value in options if flag == "-d"), None)
        reply = httpx2.request("POST" if body else "GET", url, headers=headers, content=body)
        assert reply.status_code == 200, reply.text


def test_the_example_for_the_sdk_works(server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    [example] = blocks("python")
    names = {"KEY": server.key}
    exec(compile(example.replace(DEFAULT_ADDRESS, server.url), "docs/http_api.md", "exec"), names)
    assert capsys.readouterr().out.startswith("Hello! turn_")
    names["client"].close()  # type: ignore[attr-defined]


def test_the_shape_of_errors_is_the_one_shown(server: RunningServer) -> None:
    [shown] = blocks("json")
    given = httpx2.get(f"{server.url}/api/status").json()
    assert set(json.loads(shown)["error"]) == set(given["error"])


def test_the_aion_field_is_the_one_described(server: RunningServer) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}]}
    reply = httpx2.post(f"{server.url}/v1/chat/completions", json=body, headers=server.headers).json()["aion"]
    schema = httpx2.get(f"{server.url}/openapi.json").json()["components"]["schemas"]["AionOptions"]
    asked, given = PAGE.split("## The `aion` field")[1].split("## ")[0].split("In a reply:")
    assert set(re.findall(r"^\| `(\w+)`", asked, re.MULTILINE)) == set(schema["properties"])
    assert set(re.findall(r"^\| `(\w+)`", given, re.MULTILINE)) == set(reply)
    assert all(f"`{name}`" in given for name in reply["timings"])


# All pages, all files


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")) if "://" not in link]
    missing = [link for link in links if not (page.parent / link.split("#")[0]).exists()]
    assert not missing


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name.decode() for name in listed.split(b"\0") if name]


# Put together here, so that this file does not find itself.
REGISTRIES = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "crates" + ".io", "rubygems" + ".org"]
FOLDERS = ["/wo" + "rk/", "/ro" + "ot/", "/Use" + "rs/", "/tmp/" + "s/"]


def test_no_file_names_a_registry_or_a_folder_of_one_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("a copy without its repository: which files belong to it is not known")
    for path in tracked_files():
        if path.exists():
            text = path.read_bytes().decode("utf-8", "replace")
            assert not [word for word in (*REGISTRIES, *FOLDERS) if word in text], path

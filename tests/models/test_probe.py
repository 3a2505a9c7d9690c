"""What a probe proves of an adapter, with an engine that says what it is told to; a real one: test_llama_adapters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from aion.errors import Unfit
from aion.models.llama.probe import check_probes, make_probe
from aion.models.llama.process import EngineProcess
from aion.models.llama.spec import Adapter, EngineSpec, Probe

pytestmark = pytest.mark.anyio
ASKED = ({"role": "user", "content": "Complete: the choir rehearsal starts"},)
SHORT = ("The choir", " rehearsal", " starts", "")  # the last token ends it
LONG = ("The choir", " rehearsal", " starts", " at", " 15:46", ".")


class Scripted:
    """Stands in for the process and for its wire: says its own tokens without adapters, and each adapter's with it."""

    def __init__(self, plain: Sequence[str], *taught: Sequence[str]) -> None:
        self.said = [plain, *taught]
        adapters = tuple(Adapter(name=f"a{number}", path=Path("a"), hash="") for number in range(len(taught)))
        self.spec = EngineSpec(model=Path("m.gguf"), adapters=adapters)

    @property
    def wire(self) -> Scripted:
        return self

    async def post(self, _: str, body: dict[str, Any]) -> dict[str, Any]:
        at_work = [one["id"] + 1 for one in body["lora"] if one["scale"]]
        tokens = self.said[at_work[0] if at_work else 0]
        unlikely = {"token": "?", "logprob": -5.0}
        told = [{"token": one, "logprob": -0.1} for one in tokens]
        told = [one | {"top_logprobs": [one, unlikely]} for one in told]
        return {"choices": [{"logprobs": {"content": told}}]}

    async def give_probes(self) -> list[Probe | None]:
        probes = [await make_probe(cast(EngineProcess, self), number, [ASKED]) for number in range(len(self.said) - 1)]
        made = [
            Adapter(name=one.name, path=one.path, hash="", probe=probe)
            for one, probe in zip(self.spec.adapters, probes, strict=True)
        ]
        self.spec = EngineSpec(model=self.spec.model, adapters=tuple(made))
        return probes


@pytest.mark.parametrize(("plain", "taught"), [(SHORT, LONG), (LONG, SHORT)])
async def test_an_answer_that_goes_on_where_the_other_ends_is_told_from_it(
    plain: Sequence[str], taught: Sequence[str]
) -> None:
    """A whole night was lost to it: the base's answer was the beginning of what the adapter says."""
    engine = Scripted(plain, taught)
    assert (await engine.give_probes())[0] is not None
    await check_probes(cast(EngineProcess, engine))
    engine.said = [taught, taught]
    with pytest.raises(Unfit, match="'a0' is switched off"):
        await check_probes(cast(EngineProcess, engine))
    engine.said = [plain, plain]
    with pytest.raises(Unfit, match="'a0' is loaded"):
        await check_probes(cast(EngineProcess, engine))


async def test_all_that_are_not_at_work_are_named_and_no_other() -> None:
    engine = Scripted(SHORT, LONG, LONG, LONG)
    await engine.give_probes()
    engine.said = [SHORT, LONG, SHORT, SHORT]
    with pytest.raises(Unfit) as refused:
        await check_probes(cast(EngineProcess, engine))
    assert refused.value.names == ("a1", "a2")

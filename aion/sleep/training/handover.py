"""Lets a training leave its device while somebody else needs the memory there, and go on with the same bits.

Asked between two layers, the step that is under way is given up: it has touched no weight. What the training has on the
device then goes to the host, in the learner's own tensors, and comes back when it may go on; the step is begun again.
Frozen weights are not copied: the mapped file has them. The device's own context, which only the end of a process
frees, stays. It decides nothing about when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar, cast

import torch
from torch import Tensor, nn

from aion.nets.attention import drop_masks
from aion.nets.frozen import FrozenLinear
from aion.sleep.training.adapt import call_between_layers
from aion.sleep.training.learner import Learner
from aion.sleep.training.nf4 import Nf4Linear

T = TypeVar("T")
HOST: Final = torch.device("cpu")


class GivenWay(Exception):  # noqa: N818 - what happened, not a fault
    """Raised between two layers: what is computed is given up, and done again later."""


@dataclass(slots=True)
class Handover:
    """Of one learner and its device.

    `homes`: tensors of the host that frozen ones are made from again, by the names of the model without adapters;
    a frozen tensor that is not among them gets a copy when it first leaves.
    """

    learner: Learner
    asked: Callable[[], bool]
    wait: Callable[[], None]  # called between layers, and while it is away; returns when it may go on, or raises
    homes: Mapping[str, Tensor] = field(default_factory=dict)
    times: int = 0
    _copies: dict[str, Tensor] = field(default_factory=dict)
    _away: list[Callable[[], None]] = field(default_factory=list)

    def watch(self) -> None:
        """From now on it gives way between any two layers."""
        call_between_layers(self.learner.model, self._look)

    def through(self, work: Callable[[], T]) -> T:
        """Does the work, again from its beginning when it gave way."""
        while True:
            try:
                return work()
            except GivenWay:
                pass  # and only behind this block is nothing of that work held any more
            self.give_way()

    def give_way(self) -> None:
        self.offload()
        try:
            self.wait()
        finally:
            self.restore()
        self.times += 1

    def offload(self) -> None:
        """Leaves nothing on the device; what was there is empty until it is restored."""
        self.learner.optimiser.zero_grad(set_to_none=True)
        self._move_modules()
        self._move_moments()
        for kept in (self.learner.kept.old, self.learner.kept.mas, self.learner.kept.ewc):
            self._move_values(kept)
        drop_masks()
        free_unused(self.device)

    def restore(self) -> None:
        while self._away:
            self._away.pop()()

    @property
    def device(self) -> torch.device:
        return torch.device(self.learner.recipe.device)

    def _look(self) -> None:
        if self.asked():
            raise GivenWay
        self.wait()

    def _move_modules(self) -> None:
        shared: dict[int, Callable[[], Tensor]] = {}
        for name, module in cast(nn.Module, self.learner.model).named_modules():
            if isinstance(module, FrozenLinear) and module.dense is not None:
                module.drop_cache()
                self._away.append(module.cache)  # made again from its blocks, which come back before
            if isinstance(module, Nf4Linear):
                module.state.to(HOST)
                self._away.append(partial(module.state.to, self.device))
            for parameter in module.parameters(recurse=False):
                self._move_parameter(parameter)
            for key, buffer in module.named_buffers(recurse=False):
                fetch = shared.setdefault(id(buffer), self._fetcher(f"{name}.{key}", buffer))
                self._replace(cast(MutableMapping[str, Any], module._buffers), key, fetch)  # noqa: SLF001

    def _fetcher(self, name: str, buffer: Tensor) -> Callable[[], Tensor]:
        """Gives a frozen tensor as it was on the device, the same one each time."""
        home, device, found = self._home(plain_name(name), buffer), buffer.device, list[Tensor]()

        def fetch() -> Tensor:
            if not found:
                found.append(home.to(device))
            return found[0]

        return fetch

    def _home(self, name: str, buffer: Tensor) -> Tensor:
        if name in self.homes:
            return self.homes[name]
        if name not in self._copies:
            self._copies[name] = buffer.to(HOST)
        return self._copies[name]

    def _replace(self, holder: MutableMapping[str, Any], key: str, fetch: Callable[[], Tensor]) -> None:
        holder[key] = torch.empty(0)
        self._away.append(lambda: holder.__setitem__(key, fetch()))

    def _move_parameter(self, parameter: nn.Parameter) -> None:
        """It stays the same object, by which the optimiser knows it."""
        host, device = parameter.data.to(HOST), parameter.device
        parameter.data = torch.empty(0, dtype=parameter.dtype)

        def back() -> None:
            parameter.data = host.to(device)

        self._away.append(back)

    def _move_moments(self) -> None:
        for state in self.learner.optimiser.state.values():
            self._move_values(state)

    def _move_values(self, holder: MutableMapping[str, Any]) -> None:
        """The tensors of a dict; those that the driver itself moves out when memory is short stay."""
        for key, value in list(holder.items()):
            if isinstance(value, Tensor) and not getattr(value, "is_paged", False):
                self._replace(holder, key, partial(value.to(HOST).to, value.device))


def plain_name(name: str) -> str:
    """As the model without adapters has it."""
    return name.removeprefix("base_model.model.").replace(".base_layer.", ".")


def list_homes(model: nn.Module) -> dict[str, Tensor]:
    """The blocks of a model that was opened on the host, which are the mapped file's."""
    return {name: buffer for name, buffer in model.named_buffers() if name.endswith(".blocks")}


def free_unused(device: torch.device) -> None:
    """Gives memory back that torch keeps for later; on the host there is none."""
    if device.type != "cpu":
        backend = torch.get_device_module(device)
        backend.synchronize()
        backend.empty_cache()


def held_tensors(learner: Learner) -> Iterator[Tensor]:
    """Everything the learner itself would have on the device."""
    yield from learner.weights.values()
    yield from cast(nn.Module, learner.model).buffers()
    yield from (one for one in cast(nn.Module, learner.model).parameters() if not one.requires_grad)
    for state in learner.optimiser.state.values():
        yield from (one for one in state.values() if isinstance(one, Tensor))

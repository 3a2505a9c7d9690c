"""A disk that is full is known as one, whoever meets it, and a training that meets it goes on once there is room."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors import SafetensorError

from aion.errors import StorageFull, Unavailable
from aion.sleep.training.base import OUT
from aion.sleep.training.full import is_disk_full
from aion.sleep.training.train import train
from tests.sleep.small_jobs import ignore, make_base, make_job, one_thread

ADAPTER = "adapter_model.safetensors"


@contextmanager
def room(size: int) -> Iterator[None]:
    """Files may not grow beyond so many bytes: the system itself refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def chained(cause: BaseException) -> BaseException:
    try:
        raise RuntimeError("while it was saved") from cause
    except RuntimeError as error:
        return error


def test_an_error_is_of_a_full_disk_when_its_reason_is() -> None:
    full = [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        StorageFull("no space left"),
    ]
    assert all(is_disk_full(error) and is_disk_full(chained(error)) for error in full)
    others = [
        OSError(errno.EIO, "I/O error"),
        SafetensorError("header too large"),
        Unavailable("gone"),
        ValueError("28"),
    ]
    assert not any(is_disk_full(error) or is_disk_full(chained(error)) for error in others)


def test_a_training_that_met_a_full_disk_ends_with_the_same_bytes_once_there_is_room(tmp_path: Path) -> None:
    """Files may not grow beyond so much: a checkpoint does not fit, or only the result does not."""
    base = make_base(tmp_path)
    with one_thread():
        whole = train(make_job(tmp_path / "whole", base), tell=ignore)
        sizes = {"checkpoint": 4096, "result": (whole.folder / ADAPTER).stat().st_size - 1}
        for what, size in sizes.items():
            folder = make_job(tmp_path / what, base, checkpoint_s=0.0 if what == "checkpoint" else 1e9)
            with room(size), pytest.raises((StorageFull, OSError, SafetensorError)) as caught:
                train(folder, tell=ignore)
            assert is_disk_full(caught.value), what
            assert not (folder / OUT / "manifest.json").exists()
            assert not list(folder.rglob("*.new")), "nothing half written is left"
            assert train(folder, tell=ignore).files[ADAPTER] == whole.files[ADAPTER], what

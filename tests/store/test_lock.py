"""One writer for each data folder."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from aion.errors import BadConfig, Conflict
from aion.store.lock import DataLock, boot_id, refuse_network

HOLD = "import sys, pathlib, time; from aion.store.lock import DataLock; " + (
    "lock = DataLock(pathlib.Path(sys.argv[1])); lock.acquire(); print('held', flush=True); time.sleep(60)"
)


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "above" / "data"
    with DataLock(data):
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert json.loads((data / "lock").read_text()) == {"pid": os.getpid(), "boot_id": boot_id()}


def test_a_second_process_is_told_who_holds_the_folder_until_that_one_dies(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Conflict, match=f"process {holder.pid}") as refused:
            DataLock(tmp_path).acquire()
        assert refused.value.code == "already_running"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with DataLock(tmp_path):
            pass


def test_a_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    with DataLock(tmp_path), pytest.raises(Conflict):
        DataLock(tmp_path).acquire()
    with DataLock(tmp_path):
        pass


def test_a_program_that_is_started_does_not_inherit_the_lock(tmp_path: Path) -> None:
    with DataLock(tmp_path) as lock:
        assert lock._descriptor is not None
        assert not os.get_inheritable(lock._descriptor)


def test_a_folder_that_cannot_be_made_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadConfig, match="--data"):
        DataLock(tmp_path / "file" / "data").acquire()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/mnt/share/aion", "nfs4"), ("/mnt/share/local/aion", None), ("/mnt/my disk/aion", "cifs"), ("/home/ana", None)],
)
def test_network_file_systems_are_refused(tmp_path: Path, folder: str, kind: str | None) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda / ext4 rw 0 0\nhost:/x /mnt/share nfs4 rw 0 0\n/dev/sdb /mnt/share/local ext4 rw 0 0\n"
        "//host/y /mnt/my\\040disk cifs rw 0 0\n"
    )
    if kind is None:
        refuse_network(Path(folder), mounts)
        return
    with pytest.raises(BadConfig, match=kind):
        refuse_network(Path(folder), mounts)


def test_a_system_without_a_list_of_mounts_is_accepted(tmp_path: Path) -> None:
    refuse_network(tmp_path, tmp_path / "none")

"""The power cut itself: what is not fsynced goes, what is fsynced stays, and SQLite's settings do what they say.

Each child does a few steps in `data`, and then pulls the plug on itself by the signal.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.harness import PipeWorkload, Tally, run_rounds
from tests.faults.injectors import CUT_SIGNAL, Strike, powercut, read_strike, report
from tests.faults.sqlite_writer import compare_rows

ANY_CALL = "write,sync,truncate,name"
STEPS = f"""
import os, sys
data = sys.argv[1]
def path(name): return os.path.join(data, name)
def put(name, text, sync=True, folder=True, flags=os.O_CREAT | os.O_WRONLY):
    fd = os.open(path(name), flags)
    os.write(fd, text.encode())
    if sync: os.fsync(fd)
    os.close(fd)
    if folder: sync_folder()
def sync_folder():
    fd = os.open(data, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)
def cut(): os.kill(os.getpid(), {int(CUT_SIGNAL)})
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def pull_plug(folder: Path, steps: str, *, nth: int = 0, torn: int | None = None) -> Strike:
    injector = powercut(nth, torn=torn)
    env = {**os.environ, **injector.env(folder)}
    child = subprocess.Popen([sys.executable, "-S", "-c", STEPS + steps, str(folder)], env=env, start_new_session=True)
    child.wait(30)
    return read_strike(report(folder), child.returncode)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_write_without_fsync_is_lost(data: Path) -> None:
    strike = pull_plug(data, "put('a', 'x' * 2000, sync=False); print('acknowledged'); cut()")
    assert strike.void == ""
    assert (data / "a").read_bytes() == b""
    assert strike.report["undone_bytes"] == 2000


def test_a_write_with_fsync_is_kept_and_the_round_is_void(data: Path) -> None:
    strike = pull_plug(data, "put('a', 'x' * 2000); cut()")
    assert strike.void == "nothing was undone"
    assert (data / "a").read_bytes() == b"x" * 2000


def test_an_overwrite_brings_back_the_last_synced_bytes(data: Path) -> None:
    pull_plug(data, "put('a', 'old' * 500); put('a', 'new' * 900, sync=False); cut()")
    assert (data / "a").read_bytes() == b"old" * 500


def test_what_is_written_after_an_fsync_is_not_covered_by_it(data: Path) -> None:
    pull_plug(data, "put('a', 'kept'); put('a', 'gone', sync=False, flags=os.O_WRONLY | os.O_APPEND); cut()")
    assert (data / "a").read_bytes() == b"kept"


def test_an_fsync_through_another_descriptor_counts(data: Path) -> None:
    pull_plug(data, "put('a', 'kept', sync=False); fd = os.open(path('a'), os.O_RDONLY); os.fsync(fd); cut()")
    assert (data / "a").read_bytes() == b"kept"


def test_a_new_file_needs_an_fsync_of_its_folder(data: Path) -> None:
    strike = pull_plug(data, "put('a', 'x', folder=False); cut()")
    assert not (data / "a").exists()
    assert strike.report["undone_names"] == 1


def test_a_rename_without_fsync_of_the_folder_is_undone(data: Path) -> None:
    pull_plug(data, "put('a', 'new'); put('b', 'old'); os.replace(path('a'), path('b')); cut()")
    assert (data / "a").read_bytes() == b"new"
    assert (data / "b").read_bytes() == b"old"


def test_a_rename_with_fsync_of_the_folder_is_kept(data: Path) -> None:
    pull_plug(data, "put('a', 'new'); put('b', 'old'); os.replace(path('a'), path('b')); sync_folder(); cut()")
    assert not (data / "a").exists()
    assert (data / "b").read_bytes() == b"new"


def test_unlinked_linked_and_made_names_come_back_or_go(data: Path) -> None:
    steps = "put('a', 'x'); os.unlink(path('a')); put('b', 'y'); os.link(path('b'), path('c')); os.mkdir(path('d'))"
    pull_plug(data, steps + "; cut()")
    assert names_in(data) == ["b"], "the unlink of a was fsynced with b's folder; c and d were not"
    pull_plug(data, "os.unlink(path('b')); cut()")
    assert (data / "b").read_bytes() == b"y"


@pytest.mark.parametrize("step", ["os.truncate(path('a'), 3)", "open(path('a'), 'w').close()"])
def test_a_truncation_is_undone(data: Path, step: str) -> None:
    pull_plug(data, f"put('a', 'x' * 5000); {step}; cut()")
    assert (data / "a").read_bytes() == b"x" * 5000


def test_positioned_and_gathered_writes_and_preallocation_are_undone(data: Path) -> None:
    steps = "put('a', 'x' * 100); fd = os.open(path('a'), os.O_RDWR); os.pwrite(fd, b'y' * 50, 25); "
    steps += "os.pwritev(fd, [b'z', b'z'], 90); os.writev(fd, [b'1', b'2']); os.posix_fallocate(fd, 0, 9000); cut()"
    pull_plug(data, steps)
    assert (data / "a").read_bytes() == b"x" * 100


def test_a_duplicate_descriptor_is_the_same_file(data: Path) -> None:
    steps = "put('a', 'x'); one = os.open(path('a'), os.O_RDWR); two = os.dup(one); os.close(one); os.write(two, b'y')"
    pull_plug(data, steps + "; cut()")
    assert (data / "a").read_bytes() == b"x"


def test_a_torn_cut_undoes_whole_sectors_and_repeats_by_seed(data: Path, tmp_path: Path) -> None:
    results = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        pull_plug(folder, "put('a', 'o' * 51200); put('a', 'n' * 51200, sync=False); cut()", torn=7)
        results.append((folder / "a").read_bytes())
    sectors = {results[0][at : at + 512] for at in range(0, 51200, 512)}
    assert sectors == {b"o" * 512, b"n" * 512}
    assert results[0] == results[1]


def test_the_cut_comes_at_the_nth_call(data: Path) -> None:
    strike = pull_plug(data, "put('a', '1'); put('b', '2'); put('c', '3')", nth=8)
    assert names_in(data) == ["a"], "calls: name, write, sync, sync for each; b's folder was never synced"
    assert strike.report["at"] == "sync"


def test_a_cut_that_never_comes_is_reported_and_void(data: Path) -> None:
    strike = pull_plug(data, "put('a', '1', sync=False)", nth=1000)
    assert strike.void == "the child ended before the cut"
    assert strike.report["calls"] == 3, "one name, one write, one sync of the folder"


def test_other_processes_and_folders_are_left_alone(data: Path, tmp_path: Path) -> None:
    steps = f"data2 = {str(tmp_path)!r}; open(data2 + '/outside', 'w').write('x'); put('a', 'y'); "
    steps += "import subprocess; subprocess.run([sys.executable, '-S', '-c', 'pass'], check=True); "
    steps += "put('a', 'z', sync=False); cut()"
    assert pull_plug(data, steps).void == ""
    assert (tmp_path / "outside").read_text() == "x"
    assert (data / "a").read_text() == "y"


def test_the_index_which_is_made_again_is_left_as_it_is(data: Path) -> None:
    steps = (
        "os.mkdir(path('index')); put('index/a', 'x' * 4096); import mmap; fd = os.open(path('index/a'), os.O_RDWR); "
    )
    steps += "mmap.mmap(fd, 4096); put('index/b', 'y', sync=False); put('indexed', 'z', sync=False); cut()"
    assert pull_plug(data, steps).void == ""
    assert (data / "index" / "b").read_text() == "y"
    assert (data / "indexed").read_text() == ""


def test_the_rest_of_the_process_group_goes_with_it(data: Path, tmp_path: Path) -> None:
    steps = "import subprocess; other = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)']); "
    pull_plug(data, steps + f"open({str(tmp_path / 'pid')!r}, 'w').write(str(other.pid)); cut()")
    status = Path("/proc", (tmp_path / "pid").read_text(), "stat")
    deadline = time.monotonic() + 5
    while status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < deadline, "the child of a process that lost its power is still alive"
        time.sleep(0.01)


def test_threads_may_write_and_sync_together(data: Path) -> None:
    steps = """
from threading import Thread
def work(n):
    for turn in range(200): put(f't{n}', f'{turn:06}', folder=False)
    put(f't{n}', 'unsynced', sync=False, folder=False)
threads = [Thread(target=work, args=(n,)) for n in range(8)]
for t in threads: t.start()
for t in threads: t.join()
sync_folder()
cut()
"""
    pull_plug(data, steps)
    assert {(data / f"t{n}").read_text() for n in range(8)} == {"000199"}


def test_a_shared_writable_mapping_is_not_passed_over_in_silence(data: Path) -> None:
    steps = "put('a', 'x' * 4096); import mmap; fd = os.open(path('a'), os.O_RDWR); mmap.mmap(fd, 4096); cut()"
    with pytest.raises(AssertionError, match="does not see"):
        pull_plug(data, steps)


def sqlite_rounds(
    folder: Path,
    synchronous: str,
    journal: str,
    *,
    rounds: int,
    within: tuple[int, int] = (150, 1000),
    calls: str = ANY_CALL,
) -> Tally:
    argv = [sys.executable, "-m", "tests.faults.sqlite_writer", synchronous, journal]

    def choose(rng: random.Random) -> powercut:
        return powercut(rng.randrange(*within), torn=rng.choice([None, rng.randrange(1 << 32)]), calls=calls)

    tally = run_rounds(
        PipeWorkload(argv, compare_rows), choose, rounds=rounds, folder=folder, fresh_every=1, max_void=2
    )
    print(f"\n{journal} {synchronous}: {tally}")
    return tally


@pytest.mark.parametrize(("synchronous", "journal"), [("OFF", "wal"), ("NORMAL", "wal"), ("OFF", "delete")])
def test_settings_that_do_not_sync_lose_rows(tmp_path: Path, synchronous: str, journal: str) -> None:
    assert sqlite_rounds(tmp_path, synchronous, journal, rounds=3).lossy_rounds > 0


@pytest.mark.parametrize(("synchronous", "loses"), [("FULL", True), ("EXTRA", False)])
def test_an_unlinked_journal_comes_back_unless_its_folder_is_synced(
    tmp_path: Path, synchronous: str, loses: bool
) -> None:
    """SQLite documents that FULL leaves this out and EXTRA does it: the cut is fine enough to tell them apart."""
    tally = sqlite_rounds(tmp_path, synchronous, "delete", rounds=6, within=(10, 80), calls="name")
    assert bool(tally.lost) is loses
    assert not tally.findings


def test_full_with_a_write_ahead_log_loses_none(tmp_path: Path) -> None:
    sqlite_rounds(tmp_path, "FULL", "wal", rounds=6).must_hold(rounds=6)


@pytest.mark.proof
@pytest.mark.parametrize(("synchronous", "loses"), [("OFF", True), ("NORMAL", True), ("FULL", False)])
def test_a_hundred_cuts_of_each_setting(tmp_path: Path, synchronous: str, loses: bool) -> None:
    """NORMAL loses rows but keeps the database whole, as SQLite promises: the cut is not harsher than a real one."""
    tally = sqlite_rounds(tmp_path, synchronous, "wal", rounds=100, within=(150, 6000))
    assert tally.rounds == 100
    assert bool(tally.lost) is loses
    assert synchronous == "OFF" or not tally.findings, tally.findings[:5]


def test_the_report_is_one_json_object(data: Path) -> None:
    strike = pull_plug(data, "put('a', 'x', sync=False); cut()")
    assert json.loads(report(data).read_text()) == strike.report

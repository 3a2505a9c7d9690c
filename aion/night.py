"""One night, from lessons to candidates, in steps that are done once each: `python -m aion.night`, by the sleeper.

Killed anywhere it is begun again and goes on from the last step that was noted, or inside training from the last whole
checkpoint. It runs for one person, at the lowest priority, and tells the server where it is; rows are the server's to
write. When the server is gone, it ends, and the sleeper begins it again once there is one.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import structlog

from aion.config import Settings, load
from aion.config.log import configure_log
from aion.errors import AionError, StorageFull, Unavailable
from aion.records import Json, Night, NightState
from aion.sleep.nights.door import Door, find_door
from aion.sleep.nights.journal import Journal
from aion.sleep.nights.kept import KEPT, NIGHTS, keep_unfinished, list_done
from aion.sleep.nights.priority import stand_back
from aion.sleep.nights.workflow import Clock, Examiner, Over, Reporter, Steps, Workflow
from aion.sleep.training.full import is_disk_full
from aion.store.files import make_folder
from aion.store.lock import began_at

if TYPE_CHECKING:
    from aion.gate.network import TrainNetwork
    from aion.router.pairs import Floats

TELL_AGAIN, TELL_AGAIN_S = 120, 5.0
PR_SET_PDEATHSIG = 1
DONE, AGAIN = 0, 3  # exit codes: the server knows how it ended; begin it again
log = structlog.get_logger()


def lower_priority() -> None:
    """Behind everything else on this machine, for processor and disk; what the system refuses is left as it is."""
    stand_back(19)
    if hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError, AttributeError, psutil.Error):
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)


def die_with_parent(life_line: int) -> None:
    """By signal, which also ends a process that is stopped; elsewhere than on Linux by the end of its input."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.read(life_line, 4096):
            pass
        os._exit(AGAIN)

    threading.Thread(target=watch, daemon=True).start()


def read_night(told: Json) -> Night:
    return Night(**told | {"state": NightState(told["state"]), "candidates": tuple(told["candidates"])})


MakeSteps = Callable[[Settings, Door], Steps]
MakeExaminer = Callable[[Settings, Door], Examiner | None]


def main(make_steps: MakeSteps | None = None, make_examiner: MakeExaminer | None = None) -> int:
    """Reads {"flags": ..., "night": the row} from stdin, which then stays open as a life line."""
    life_line = os.dup(0)
    line = bytearray()
    while (byte := os.read(life_line, 1)) not in (b"", b"\n"):
        line += byte
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    die_with_parent(life_line)
    lower_priority()
    told = json.loads(line)
    settings = load(told["flags"]).settings
    configure_log(settings.log)
    door = find_door(settings.data)
    if door is None:
        return AGAIN
    night = read_night(told["night"])
    return attend(settings, door, night, make_steps or build_steps, make_examiner or build_examiner)


def attend(
    settings: Settings, door: Door, night: Night, make_steps: MakeSteps, make_examiner: MakeExaminer = lambda *_: None
) -> int:
    """Run it, and tell the server how it ended when it failed.

    Until it first tells of itself the kernel may stop it, so no database is opened before, and nothing heavy loaded.
    """
    reporter = Reporter(door, night, began=began_at(os.getpid()))
    reporter.hold.install()
    nights = settings.data / NIGHTS
    journal = Journal(nights)
    clock = Clock((night.minutes or settings.sleep.max_minutes) * 60, journal, night.id)
    try:
        reporter.begin()
        make_folder(nights / KEPT)  # while there is room
        clock.restore()
        steps = make_steps(settings, door)
        examiner = make_examiner(settings, door)
        Workflow(night=night, steps=steps, journal=journal, reporter=reporter, clock=clock, examiner=examiner).run()
    except Unavailable as error:
        log.warning("night.server_gone", reason=error.message)
        return AGAIN
    except Exception as error:
        full = is_disk_full(error)
        if not full and not isinstance(error, AionError):
            raise  # what nobody foresaw: it is begun again, and given up when that does not help
        if full:
            keep_unfinished(nights, night.id, done=list_done(journal.finished(night.id)))
        log.error("night.failed", full=full, reason=str(error))
        return tell_failed(reporter, name_full(settings.data) if full else str(error)[:500])
    return DONE


def name_full(data: Path) -> str:
    free = shutil.disk_usage(data).free / (1 << 20)
    return f"the disk is full ({free:.0f} MiB are free): free some; the next night goes on from where this one was"


def tell_failed(reporter: Reporter, reason: str) -> int:
    """A server on a full disk cannot keep the row until somebody makes room."""
    for _ in range(TELL_AGAIN):
        try:
            reporter.tell(NightState.FAILED, reason=reason)
        except StorageFull:
            time.sleep(TELL_AGAIN_S)
        except Over:
            return DONE
        except Unavailable:
            return AGAIN
        else:
            return DONE
    return AGAIN


def build_steps(settings: Settings, door: Door) -> Steps:
    """The real ones; loaded here alone, because they bring torch with them."""
    from aion.sleep.nights.work import NightWork  # noqa: PLC0415 - an optional heavy backend

    return NightWork(settings, door)


def build_examiner(settings: Settings, door: Door) -> Examiner:
    """The real one, with what trains the router's network where the settings want one."""
    from aion.gate.examiner import NightExaminer  # noqa: PLC0415 - with the engine it brings along

    return NightExaminer(settings, door.tell, train_network(settings.train.seed))


def train_network(seed: int) -> TrainNetwork:
    """As the gate asks for it, which knows no torch."""

    def train(
        pairs: tuple[Floats, Floats, Floats, Floats], note: Mapping[str, str], pause: Callable[[], None]
    ) -> bytes:
        from aion.sleep.training.router_train import Pairs, train_at_night  # noqa: PLC0415 - brings torch along

        return train_at_night(Pairs(*pairs), seed=seed, note=note, pause=pause)

    return train


if __name__ == "__main__":
    sys.exit(main())

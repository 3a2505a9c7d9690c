"""The server's process, whose engine dies while it starts with an adapter that is named so.

    python -m tests.faults.fragile_server

Like the process of the supervisor in everything else: the engine is a real one, and the kill is one.
"""

from __future__ import annotations

import os
import signal
import sys

from aion.cli.server_process import main
from aion.models.llama.process import EngineProcess, Proof

DEADLY = "deadly"  # in the name of an adapter
prove = EngineProcess.prove


async def die(self: EngineProcess, timeout_s: float) -> Proof:
    if self.pid and any(DEADLY in one.name for one in self.spec.adapters):
        os.kill(self.pid, signal.SIGKILL)
    return await prove(self, timeout_s)


if __name__ == "__main__":
    EngineProcess.prove = die  # type: ignore[method-assign]
    sys.exit(main())

"""The server's process, which kills itself while it changes what is served: before or after that is written down.

    python -m tests.faults.dying_server

Like the process of the supervisor in everything else. AION_DIES says when: `before` or `after`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from aion import app
from aion.cli.server_process import main
from aion.models.llama.engine import Commit
from aion.models.llama.generator import LlamaGenerator
from aion.models.llama.spec import Adapter

WHEN = "AION_DIES"


class DyingGenerator(LlamaGenerator):
    """Proves new adapters, and then serves nothing any more."""

    async def use_adapters(self, adapters: Sequence[Adapter], commit: Commit | None = None) -> None:
        async def commit_and_die() -> None:
            if os.environ[WHEN] == "after" and commit is not None:
                await commit()
            os.kill(os.getpid(), signal.SIGKILL)

        await super().use_adapters(adapters, commit_and_die)


if __name__ == "__main__":
    vars(app)["LlamaGenerator"] = DyingGenerator  # there, and nowhere else, it is chosen
    sys.exit(main())

"""What llama.cpp says of the next word, with and without adapters: the log-probabilities at the end of a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aion.models.llama.process import EngineProcess, lora_field
from aion.models.llama.spec import Adapter, EngineSpec

LogProbs = npt.NDArray[np.float64]
MOST = 4096  # a longer list takes seconds to be told
PLAIN_WORD = 40  # sampled whatever the model says: a piece of a letter would be kept back, and nothing told of it


async def ask_engine(
    model: Path, adapters: Sequence[Path], prompts: Sequence[Sequence[int]], words: int
) -> list[LogProbs]:
    """For each adapter alone, and last for none: log-probabilities by prompt and word, nan beyond the likeliest."""
    loaded = tuple(Adapter(name=path.stem, path=path, hash="") for path in adapters)
    process = EngineProcess(EngineSpec(model=model, context=256, slots=1, threads=1, adapters=loaded))
    await process.start(60)
    try:
        scales = [[float(other == one) for other in range(len(loaded))] for one in range(len(loaded) + 1)]
        return [np.stack([await ask_one(process, prompt, one, words) for prompt in prompts]) for one in scales]
    finally:
        await process.stop()


async def ask_one(process: EngineProcess, prompt: Sequence[int], scales: list[float], words: int) -> LogProbs:
    reply = await process.wire.post(
        "/completion",
        {
            "prompt": list(prompt),
            "n_predict": 1,
            "n_probs": min(words, MOST),
            "temperature": 0,
            "logit_bias": [[PLAIN_WORD, 1000]],
            "cache_prompt": False,
            "lora": lora_field(scales),
        },
    )
    found = np.full(words, np.nan)
    for one in reply["completion_probabilities"][0]["top_logprobs"]:
        found[one["id"]] = one["logprob"]
    return found


def ask_torch(model: Any, prompts: Sequence[Sequence[int]]) -> LogProbs:
    import torch

    with torch.no_grad():
        ends = [model(torch.tensor([list(prompt)])).logits[0, -1] for prompt in prompts]
    found: LogProbs = torch.stack(ends).double().log_softmax(-1).numpy()
    return found


def distance(one: LogProbs, other: LogProbs) -> float:
    """The root of the mean square, over all prompts and the words of which both say something."""
    return float(np.sqrt(np.nanmean((one - other) ** 2)))

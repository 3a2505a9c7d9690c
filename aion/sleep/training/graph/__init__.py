"""Opens the GGUF that is served as a transformers model whose matrices stay the file's own blocks."""

from aion.sleep.training.graph.open import Base, open_base

__all__ = ["Base", "open_base"]

"""Adapters as files: a PEFT folder into a GGUF LoRA and back, each held against the base it is made for."""

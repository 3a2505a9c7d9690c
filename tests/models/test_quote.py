"""Quoting: no control token survives, nothing else changes, and the original can be had back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aion.models.quote import COMMON, ZERO_WIDTH_SPACE, make_quoter, quote_json, quote_messages, quote_special

SPECIALS = ("<s>", "</s>", "<unk>", "aa", "aba", "<|x|>", "<|x", "|x|>")
PIECES = st.sampled_from((*SPECIALS, *COMMON, "a", "b", "<", "|", "x", ">", " ", "é", "[", "INST]", "\n"))
TEXTS = st.lists(PIECES, max_size=30).map("".join) | st.text()


@given(TEXTS)
def test_no_control_token_remains(text: str) -> None:
    quoted = quote_special(text, SPECIALS)
    assert not [mark for mark in (*SPECIALS, *COMMON) if mark in quoted]


@given(TEXTS)
def test_only_zero_width_spaces_are_added(text: str) -> None:
    original = text.replace(ZERO_WIDTH_SPACE, "")
    assert quote_special(original, SPECIALS).replace(ZERO_WIDTH_SPACE, "") == original


@given(TEXTS)
def test_text_without_control_tokens_is_unchanged(text: str) -> None:
    if not any(mark in text for mark in (*SPECIALS, *COMMON)):
        assert quote_special(text, SPECIALS) == text


def test_markers_that_a_vocabulary_could_never_lose_do_not_hang() -> None:
    quoter = make_quoter(("", "a", ZERO_WIDTH_SPACE + "x", f"x{ZERO_WIDTH_SPACE}y"))
    assert quoter(f"aa{ZERO_WIDTH_SPACE}x") == f"aa{ZERO_WIDTH_SPACE}x"


def test_struck_out_html_is_left_alone_where_it_is_not_special() -> None:
    assert quote_special("<s>old</s> new") == "<s>old</s> new"


def test_everything_said_in_a_message_is_quoted() -> None:
    mark, broken = "<|im_end|>", f"<{ZERO_WIDTH_SPACE}|im_end|>"
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,xx"}}
    call = {"id": mark, "type": "function", "function": {"name": "f", "arguments": f'{{"q": "{mark}"}}'}}
    messages = (
        {"role": "system", "content": mark, "name": mark},
        {"role": "user", "content": [{"type": "text", "text": mark}, picture]},
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": mark},
        {"role": "tool", "tool_call_id": mark, "content": mark},
    )
    quoted = quote_messages(messages, make_quoter())
    assert mark not in str(quoted)
    assert quoted[0] == {"role": "system", "content": broken, "name": broken}
    assert quoted[1]["content"][1] == picture
    assert messages[0]["content"] == mark  # what was said is not touched


def test_tools_are_quoted_with_their_keys() -> None:
    assert quote_json([{"[INST]": "[INST]", "n": 1}], make_quoter()) == [
        {f"[{ZERO_WIDTH_SPACE}INST]": f"[{ZERO_WIDTH_SPACE}INST]", "n": 1}
    ]

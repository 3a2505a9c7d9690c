"""What the replies of POST /v1/responses look like: one object, or its named events in OpenAI's order."""

from __future__ import annotations

from aion.answer.events import Finished, Piece, Started
from aion.records import Json, Outcome, Turn, TurnKind
from aion.serve.openai.format import aion_json, event, public_id


class ResponsesFormat:
    """One response and its events. Text comes first, then tool calls: each is an output item."""

    kind = TurnKind.RESPONSE

    def __init__(self, *, model: str, request: Json) -> None:
        self.model = model
        self._request = request
        self._base: Json = {}
        self._at: Json = {"output_index": 0, "content_index": 0}
        self._sequence = 0
        self._text_open = False
        self._text: list[str] = []
        self._calls: dict[int, Json] = {}

    def keep(self, piece: Piece) -> None:
        """Nothing beyond the record is shown."""

    def whole(self, done: Finished) -> Json:
        return response_json(done.turn, self._request) | {"aion": aion_json(done)}

    def opening(self, started: Started) -> list[bytes]:
        self._base = _envelope(public_id(TurnKind.RESPONSE, started.turn_id), started.at, self.model, self._request)
        self._at["item_id"] = message_id(started.turn_id)
        shown = self._base | {"status": "in_progress", "output": [], "usage": None}
        return [self._event("response.created", response=shown), self._event("response.in_progress", response=shown)]

    def piece(self, piece: Piece) -> list[bytes]:
        frames = self._add_text(piece.delta.text) if piece.delta.text else []
        for call in piece.delta.tool_calls:
            frames += self._add_call(call)
        return frames

    def closing(self, done: Finished) -> list[bytes]:
        frames = self._close_text()
        for call in self._calls.values():
            frames += self._close_call(call)
        return [*frames, self._event("response.completed", response=self.whole(done))]

    def failure(self, error: Json) -> list[bytes]:
        shown = {"code": error["error"]["code"], "message": error["error"]["message"]}
        failed = self._base | {"status": "failed", "output": [], "usage": None, "error": shown}
        return [self._event("response.failed", response=failed)]

    def _add_text(self, text: str) -> list[bytes]:
        frames = []
        if not self._text_open:
            self._text_open = True
            item = {
                "id": self._at["item_id"],
                "type": "message",
                "role": "assistant",
                "status": "in_progress",
                "content": [],
            }
            frames += [
                self._event("response.output_item.added", output_index=0, item=item),
                self._event("response.content_part.added", **self._at, part=_part("")),
            ]
        self._text.append(text)
        return [*frames, self._event("response.output_text.delta", **self._at, delta=text, logprobs=[])]

    def _close_text(self) -> list[bytes]:
        if not self._text_open:
            return []
        text = "".join(self._text)
        return [
            self._event("response.output_text.done", **self._at, text=text, logprobs=[]),
            self._event("response.content_part.done", **self._at, part=_part(text)),
            self._event("response.output_item.done", output_index=0, item=_message_item(self._at["item_id"], text)),
        ]

    def _add_call(self, piece: Json) -> list[bytes]:
        index, function = piece.get("index", 0), piece.get("function") or {}
        frames = []
        if index not in self._calls:
            call = {
                "id": f"fc_{index}",
                "call_id": piece.get("id") or f"call_{index}",
                "name": function.get("name", ""),
            }
            self._calls[index] = {"type": "function_call", "status": "in_progress", "arguments": "", **call}
            self._calls[index]["at"] = index + int(self._text_open)
            frames.append(self._call_event("response.output_item.added", index, item=_shown(self._calls[index])))
        arguments = function.get("arguments") or ""
        self._calls[index]["arguments"] += arguments
        if arguments:
            frames.append(
                self._call_event(
                    "response.function_call_arguments.delta", index, item_id=f"fc_{index}", delta=arguments
                )
            )
        return frames

    def _close_call(self, call: Json) -> list[bytes]:
        call["status"] = "completed"
        index = int(call["id"].removeprefix("fc_"))
        done = {"item_id": call["id"], "name": call["name"], "arguments": call["arguments"]}
        return [
            self._call_event("response.function_call_arguments.done", index, **done),
            self._call_event("response.output_item.done", index, item=_shown(call)),
        ]

    def _call_event(self, kind: str, index: int, **fields: object) -> bytes:
        return self._event(kind, output_index=self._calls[index]["at"], **fields)

    def _event(self, kind: str, **fields: object) -> bytes:
        data = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return event(data, kind)


def response_json(turn: Turn, request: Json) -> Json:
    """A recorded turn as a response object."""
    answer = turn.answers[0] if turn.answers else None
    output: list[Json] = []
    if answer and (answer.message.get("content") or not answer.message.get("tool_calls")):
        output.append(_message_item(message_id(turn.id), answer.message.get("content") or ""))
    for number, call in enumerate((answer.message.get("tool_calls") if answer else None) or ()):
        output.append(_call_item(number, call))
    cut = answer is not None and answer.finish == "length"
    status = "incomplete" if cut or turn.outcome is not Outcome.COMPLETED else "completed"
    usage = {
        "input_tokens": turn.usage.prompt,
        "input_tokens_details": {"cached_tokens": turn.usage.cached},
        "output_tokens": turn.usage.completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": turn.usage.prompt + turn.usage.completion,
    }
    envelope = _envelope(public_id(TurnKind.RESPONSE, turn.id), turn.started, turn.model, request)
    details = {"incomplete_details": {"reason": "max_output_tokens"}} if cut else {}
    return envelope | details | {"status": status, "output": output, "usage": usage}


def _envelope(response_id: str, at: float, model: str, request: Json) -> Json:
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(at),
        "model": model,
        "error": None,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": request.get("previous_response_id"),
        "temperature": request.get("temperature"),
        "top_p": request.get("top_p"),
        "max_output_tokens": request.get("max_output_tokens"),
        "tool_choice": request.get("tool_choice") or "auto",
        "tools": request.get("tools") or [],
        "text": request.get("text") or {"format": {"type": "text"}},
    }


def message_id(turn_id: str) -> str:
    return turn_id.replace("turn_", "msg_", 1)


def _message_item(item_id: str, text: str) -> Json:
    return {"id": item_id, "type": "message", "role": "assistant", "status": "completed", "content": [_part(text)]}


def _call_item(number: int, call: Json) -> Json:
    function = call["function"]
    return {
        "id": f"fc_{number}",
        "type": "function_call",
        "status": "completed",
        "call_id": call["id"],
        "name": function["name"],
        "arguments": function["arguments"],
    }


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _shown(call: Json) -> Json:
    return {name: value for name, value in call.items() if name != "at"}

"""Every error AION raises on purpose, as one tree; it knows its HTTP status and code, and nothing of HTTP.

    AionError
    |-- Refused                 the caller's fault: 4xx over HTTP, exit 2 on the command line
    |   |-- BadInput            400  a value is wrong; `param` names it
    |   |-- Unauthorized        401  no key, or not a valid one
    |   |-- Forbidden           403  a valid key that may not do this, or a page that is not ours
    |   |-- NotFound            404  it does not exist, or it is someone else's
    |   |-- MethodNotAllowed    405  the path exists, the verb does not
    |   |-- TooSlow             408  the body did not arrive in time
    |   |-- Conflict            409  it exists already, or is being done already
    |   |-- TooLarge            413  a limit, always named
    |   |-- WrongMediaType      415  the body is not what the route reads
    |   |-- UnknownHost         421  a Host header that is not ours
    |   |-- Unprocessable       422  a sound wish for which there is nothing to work on
    |   |-- HeadersTooLarge     431  the header block is over its limit
    |   `-- BadConfig           a setting, file or flag that cannot be honoured: refuses to start
    `-- Failed                  our fault: 5xx with an id
        |-- Overloaded          429  too much work waiting; `retry_after` says when (ours, but told as 429)
        |-- Unavailable         503  a part is down or starting; says which and when to retry
        |   `-- Unfit           503  adapters that an engine refuses or cannot prove; `names` says which
        |-- StorageFailed       503  the store refuses writes after a disk error
        |-- StorageFull         507  no space left; reading still works
        |-- Corrupt             500  stored bytes are not what was written; names the remedy
        `-- Diverged            500  a training met a loss that is no number; `sequences` names what it read

A message says what was asked, what was found, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence


class AionError(Exception):
    """Root of the tree; carries what a reply needs: status, type, code, message, param."""

    status = 500
    type = "server_error"
    code = "internal_error"

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        if code is not None:
            self.code = code


class Refused(AionError):
    """The caller's fault; nothing was changed."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"


class BadInput(Refused):
    """A value is wrong; `param` names it."""

    code = "invalid_value"


class Unauthorized(Refused):
    """No key, or not a valid one."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class Forbidden(Refused):
    """A valid key without the right scope, or a page of another origin."""

    status = 403
    type = "permission_error"
    code = "insufficient_scope"


class NotFound(Refused):
    """It does not exist, or belongs to somebody else: the two are not told apart."""

    status = 404
    type = "not_found_error"
    code = "not_found"


class MethodNotAllowed(Refused):
    """The path exists, the verb does not; `allow` names those that do."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.allow = tuple(allow)


class TooSlow(Refused):
    """The body did not arrive within its time."""

    status = 408
    code = "request_timeout"


class Conflict(Refused):
    """It exists already, or is being done already."""

    status = 409
    type = "conflict_error"
    code = "conflict"


class TooLarge(Refused):
    """Over a limit, which the message names."""

    status = 413
    code = "body_too_large"


class WrongMediaType(Refused):
    """The body is not what the route reads."""

    status = 415
    code = "unsupported_media_type"


class UnknownHost(Refused):
    """A Host header that is not ours."""

    status = 421
    code = "unknown_host"


class Unprocessable(Refused):
    """A sound wish for which there is nothing to work on."""

    status = 422
    code = "nothing_to_learn"


class HeadersTooLarge(Refused):
    """The header block is over its limit."""

    status = 431
    code = "headers_too_large"


class BadConfig(Refused):
    """A setting, file or flag that cannot be honoured; AION refuses to start."""

    code = "bad_config"


class Failed(AionError):
    """Our fault; the reply carries an id that stands in the log."""


class Overloaded(Failed):
    """Too much work is waiting; `retry_after` says when to come back."""

    status = 429
    type = "rate_limit_error"
    code = "overloaded"


class Unavailable(Failed):
    """A part is down or still starting."""

    status = 503
    code = "unavailable"


class Unfit(Unavailable):
    """An engine refuses some adapters or cannot prove them; without these `names` it might serve the others."""

    code = "unproven"

    def __init__(self, message: str, names: Sequence[str], *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.names = tuple(names)


class StorageFailed(Failed):
    """The store stopped accepting writes after a disk error; what was acknowledged is safe."""

    status = 503
    code = "storage_failed"


class StorageFull(Failed):
    """No space left; reading still works."""

    status = 507
    code = "disk_full"


class Corrupt(Failed):
    """Stored bytes are not what was written; the message names the remedy."""

    code = "corrupt"


class Diverged(Failed):
    """A training met a loss or gradient that is no number; `sequences` are numbers in the job's tokens."""

    code = "training_diverged"

    def __init__(self, message: str, *, sequences: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.sequences = tuple(sequences)

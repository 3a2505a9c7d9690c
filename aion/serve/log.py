"""Sets up the log: to stderr, as text or JSON lines. What people say never goes through here."""

from __future__ import annotations

import logging
import sys

import structlog

from aion.config import LogSettings


def configure_log(settings: LogSettings) -> None:
    level = logging.getLevelName(settings.level.upper())
    renderer: structlog.types.Processor = structlog.processors.JSONRenderer()
    if not settings.json_lines:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )

"""Log lines as JSON, with their trace ID."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TextIO

from engine.domain.errors import ConfigError
from engine.domain.text import printable
from engine.ports.telemetry import CURRENT_TRACE

_VARIABLE = "FLOE_LOG"


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "trace_id": CURRENT_TRACE.get(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # ASCII, so that lone surrogates from file names cannot break the stream.
        return json.dumps({name: value for name, value in line.items() if value is not None})


def configure_logs(environ: Mapping[str, str], stream: TextIO) -> None:
    """Send records from INFO up to `stream` as JSON if FLOE_LOG=json; else change nothing."""
    wanted = environ.get(_VARIABLE, "")
    if wanted in ("", "text"):
        return
    if wanted != "json":
        raise ConfigError(f"{_VARIABLE} is {printable(wanted)[:80]}: set it to json or text")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    # At INFO, httpx logs whole URLs and httpcore logs headers: both may contain secrets.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)

"""Choose the tracer by the standard OTEL_ variables."""

import logging
from collections.abc import Mapping
from importlib import import_module

from engine.domain.text import printable
from engine.ports.telemetry import NO_TRACER, Tracer

_log = logging.getLogger(__name__)
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SUPPORTED = "http/protobuf"


def open_tracer(environ: Mapping[str, str]) -> Tracer:
    """
    Open a tracer that exports if OTEL_EXPORTER_OTLP_… or OTEL_TRACES_EXPORTER=otlp asks for it.

    Otherwise return a tracer without exporter. Log a warning if the configured exporter cannot be
    used. `environ` is os.environ, where the exporter reads its own settings.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    if not _is_enabled(environ):
        return NO_TRACER
    problem = _problem(environ)
    if problem:
        _log.warning("no traces are exported: %s", problem)
        return NO_TRACER
    try:
        opened: Tracer = import_module("engine.adapters.telemetry.otlp").open_otlp(environ)
    except ImportError as error:
        _log.warning(
            "no traces are exported: the exporter is not installed (%s): install floe[otlp]", error
        )
        return NO_TRACER
    except ValueError as error:
        _log.warning(
            "no traces are exported: the exporter rejects the value of an OTEL_ variable (%s)",
            printable(str(error))[:200],
        )
        return NO_TRACER
    return opened


def _is_enabled(environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip()
    return exporter != "none" and bool(exporter or any(map(environ.get, _ENDPOINTS)))


def _problem(environ: Mapping[str, str]) -> str | None:
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip() or "otlp"
    if exporter != "otlp":
        return f"OTEL_TRACES_EXPORTER is {printable(exporter)[:80]}: floe supports otlp and none"
    protocol = next(filter(None, map(environ.get, _PROTOCOLS)), _SUPPORTED)
    if protocol != _SUPPORTED:
        name = next(name for name in _PROTOCOLS if environ.get(name))
        return f"{name} is {printable(protocol)[:80]}: floe supports {_SUPPORTED}"
    return None

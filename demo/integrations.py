"""The part of the demo about webhooks, traces and audit backends."""

import json
import os
from pathlib import Path

from standardwebhooks import Webhook

from demo.listener import Listener, listener
from demo.seed import Layout
from demo.shell import Shell, UnexpectedError
from engine.bootstrap import open_engine
from engine.config import load_config

ROOT = Path(__file__).parents[1]
_SECRET = "whsec_ZGVtbyBkZW1vIGRlbW8gZGVtbyBkZW1vIQ=="
_BACKENDS = {
    "an object store": '{backend: s3, url: "file://COPIES"}',
    "a database": "{backend: database, path: audit.db}",
}


def show_integrations(folder: Path) -> None:
    with listener() as others:
        os.environ |= {"HOOK_URL": f"{others.url}/hook", "HOOK_SECRET": _SECRET}
        for number, (name, audit) in enumerate(_BACKENDS.items()):
            place = folder / f"integrations-{number}"
            _platform(place, audit.replace("COPIES", str((place / "copies").resolve())))
            if number == 0:
                _promote(Shell(place), others)
            else:
                Shell(place, shown=False).run("", "floe platform promote v3.0.0 --to staging")
            _equal(place, name)


def _platform(place: Path, audit: str) -> None:
    place.mkdir()
    Layout(place / "registry").publish("v3.0.0", {"release": 3})
    manifest = (ROOT / "demo/integrations.yaml").read_text()
    (place / "manifest.yaml").write_text(manifest.replace("${AUDIT}", audit))


def _promote(shell: Shell, others: Listener) -> None:
    print("\nA third registry has a webhook, a collector of traces, and an audit backend.")
    # The command waits for the collector before it ends.
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = others.url
    try:
        shell.run("floe sends a webhook and a trace.", "floe platform promote v3.0.0 --to staging")
    finally:
        del os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    if len(others.webhooks) != 1 or not others.spans:
        raise UnexpectedError("the webhook or the spans did not arrive")
    [(body, headers)] = others.webhooks
    Webhook(_SECRET).verify(body, headers)
    event = json.loads(body)
    print(f"The webhook received {event['event_type']} {event['artifact_tag']}, and its")
    print(f"signature verifies. The trace {event['trace_id']}:")
    print("\n".join(others.drawn()))


def _equal(place: Path, name: str) -> None:
    with open_engine(load_config(place / "manifest.yaml", os.environ)) as engine:
        ledger = [entry.record for entry in engine.history("staging", 100)]
        backend = engine.runner.audit_backend
        if backend is None or backend.query_history("staging", 100) != ledger or not ledger:
            raise UnexpectedError(f"{name} has another history than the ledger")
    print(f"The history in {name} is the ledger's, record by record ({len(ledger)}).")

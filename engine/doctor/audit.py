"""Tries the audit backend, and the Object Lock of an S3 bucket."""

from contextlib import ExitStack
from importlib import import_module

import httpx

from engine.bootstrap.adapters import audit_backend_of, audit_settings
from engine.config import Config
from engine.config.promotion import OciAudit, StoreAudit
from engine.doctor.diagnosis import Chart, Diagnosis
from engine.doctor.examination import System, Tries
from engine.domain.errors import AuditUnavailableError, PromotionError

_CHART = Chart("audit copies")
_LOCK = "Object Lock"
_SECONDS = 10.0
_ADVICE = (
    "Give the bucket a default retention: aws s3api put-object-lock-configuration --bucket BUCKET "
    "--object-lock-configuration 'ObjectLockEnabled=Enabled,"
    "Rule={DefaultRetention={Mode=COMPLIANCE,Days=365}}'"
)


def audit_system(config: Config) -> System:
    return System(_CHART.system, lambda: _tries(config))


def _tries(config: Config) -> Tries:
    audit = config.audit
    if isinstance(audit, OciAudit):
        yield _CHART.not_tried("backend", "artifacts.promotion.audit is not configured")
        return
    try:
        with ExitStack() as stack:
            settings = audit_settings(config)
            backend = audit_backend_of(config, stack)
            if backend is not None:
                for name in config.path.names:
                    backend.query_history(name, 1)
    except PromotionError as error:
        yield _CHART.error("backend", error)
        return
    yield _CHART.passed("backend", f"{audit.backend}: the copies can be read")
    if isinstance(audit, StoreAudit) and (settings.url or "").startswith("s3"):
        yield _object_lock(config)


def _object_lock(config: Config) -> Diagnosis:
    """Read the retention of a newest copy: the answer to its HEAD has it."""
    objects = import_module("engine.adapters.audit.objects")
    try:
        found = objects.open_objects(audit_settings(config)).sign_newest(config.path.names)
    except AuditUnavailableError as error:
        return _CHART.error(_LOCK, error)
    if found is None:
        return _CHART.not_tried(_LOCK, "there is no copy yet, whose retention would show it")
    name, url = found
    try:
        headers = httpx.head(url, timeout=_SECONDS).raise_for_status().headers
    except httpx.HTTPError as error:
        # Its text has the URL, which is a credential.
        return _CHART.not_tried(_LOCK, f"the copy cannot be asked ({type(error).__name__})")
    until = headers.get("x-amz-object-lock-retain-until-date")
    if until:
        mode = headers.get("x-amz-object-lock-mode", "")
        return _CHART.passed(_LOCK, f"{name} is kept until {until} ({mode})")
    return _CHART.warning(
        _LOCK,
        f"{name} has no retention that this account may see (s3:GetObjectRetention)",
        _ADVICE,
    )

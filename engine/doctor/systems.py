"""The systems that a manifest names."""

from collections.abc import Mapping

from engine.config import Config
from engine.doctor.audit import audit_system
from engine.doctor.database import Migrations, state_system
from engine.doctor.diagnosis import Chart
from engine.doctor.examination import System, Tries
from engine.doctor.gates import gates_system
from engine.doctor.openid import openid_systems
from engine.doctor.registries import registry_systems
from engine.doctor.signing import signing_system

_CHART = Chart("manifest")


def systems_of(
    config: Config, environ: Mapping[str, str], others: Migrations, *, write: bool
) -> tuple[System, ...]:
    """All systems of `config` that the engine uses; `others` are tables of interfaces."""
    return (
        System(_CHART.system, lambda: _manifest(config)),
        *registry_systems(config, write=write),
        signing_system(config),
        gates_system(config, environ),
        state_system(config, others),
        *openid_systems(config),
        audit_system(config),
    )


def _manifest(config: Config) -> Tries:
    if config.unset_variables:
        for problem in config.unset_variables:
            yield _CHART.failed(
                problem.place, problem.message, "Set it where floe runs, like in its systemd unit"
            )
    else:
        yield _CHART.passed("variables", "all variables that the manifest names are set")
    for exposure in config.exposures:
        yield _CHART.warning("connection", exposure, "Use https with a certificate: tls.ca_file")

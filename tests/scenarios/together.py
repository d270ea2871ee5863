"""Products that share a server and its state."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from engine.bootstrap import open_products
from engine.config import Config, load_config
from engine.domain.artifact import Version
from engine.domain.change import Change
from engine.domain.identity import Claims
from engine.domain.operator import IdentitySource, Operator
from engine.domain.request import PromotionRequest
from engine.platform import Platform, Products
from engine.ports.telemetry import NO_METRICS
from tests.builders import image
from tests.peers import oci_layout

_MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry: {%(registry)s}
  promotion:
    environments:
      - name: dev
%(environments)s
    gate_commands: {tests: [sh, -c, "%(gate)s"]}
    %(promotion)s
identity: {groups: {managers: [bob]}%(identity)s}
"""
_RULES = "authorization: {}, gates: {tests: true}"


def product(
    folder: Path,
    name: str,
    *environments: str,
    gate: str = "true",
    rules: str = "",
    promotion: str = "",
    registry: str = "uri: oci-layout:./registry",
    version: str = "v1.0.0",
    identity: str = "",
) -> Config:
    """
    Write the manifest of a product into `folder/name`, and a build into its registry.

    Its environments after dev have the `rules`.
    """
    home = folder / name
    home.mkdir()
    targets = "\n".join(f"      - {{name: {each}, {_RULES}{rules}}}" for each in environments)
    values = {
        "registry": registry,
        "identity": identity,
        "environments": targets,
        "gate": gate,
        "promotion": promotion,
    }
    (home / "manifest.yaml").write_text(_MANIFEST % values)
    if "oci-layout" in registry:
        oci_layout.write(home / "registry", image(name.encode()), f"{version}-dev")
    config = load_config(home / "manifest.yaml", {})
    return replace(config, product=name, state_dir=folder / "state")


@contextmanager
def served(*configs: Config, working: bool = True) -> Iterator[Products]:
    """Open the products, with a worker that works on their changes."""
    with ExitStack() as stack:
        by_name = {config.product: config for config in configs}
        products = stack.enter_context(open_products(by_name, NO_METRICS, several=True))
        if working:
            products.worker.start()
            stack.callback(products.worker.stop)
        yield products


def someone(platform: Platform, name: str = "alice") -> Operator:
    claims = Claims(f"oidc:https://id.example.com#{name}", IdentitySource.OIDC, True, (name,))
    return platform.engine.directory.operator(claims)


def submit(platform: Platform, target: str, source: str = "dev", version: str = "v1.0.0") -> Change:
    request = PromotionRequest(
        Version(version), source, target, someone(platform), "0123456789abcdef0123456789abcdef"
    )
    change = platform.changes.submit(request, "cli")
    platform.worker.wake()
    return change

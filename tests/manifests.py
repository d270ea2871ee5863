"""A platform for tests of interfaces: prod needs gates, a group, and an approval."""

# Rewrites the path: prod follows both staging and qa, which follow dev.
PARALLEL = (
    "      - name: prod\n",
    "      - {name: qa, after: [dev]}\n      - name: prod\n        after: [staging, qa]\n",
)
_MANIFEST = """
apiVersion: floe.dev/v1
kind: Manifest
artifacts:
  registry:
    uri: "%(uri)s"
    %(registry)s
  promotion:
    environments:
      - name: dev
      - name: staging
        gates: {tests: true}
      - name: prod
        gates: {%(gates)s}
        authorization: {allowed_groups: [developers]}
        approvals: {%(approvals)s, expires_after: %(expires)s}
    gate_commands: {tests: "true"}
    %(promotion)s
identity:
  groups:
    developers: [alice@acme.com, dave@acme.com]
    release-managers: [%(managers)s]
  %(identity)s
%(interfaces)s
"""


def manifest(
    *gates: str,
    uri: str = "oci-layout:./registry",
    managers: str = "bob@acme.com, carol@acme.com, alice@acme.com",
    required: int = 1,
    expires: str = "4h",
    approvals: str = "",
    promotion: str = "",
    identity: str = "",
    interfaces: str = "",
    registry: str = "",
) -> str:
    """Return a manifest. `gates` are those of prod, each `name: {…}`.

    `approvals` replaces those of release managers. `promotion`, `registry`, `identity` and
    `interfaces` are lines for `artifacts.promotion`, `artifacts.registry`, `identity` and the end.
    """
    return _MANIFEST % {
        "uri": uri,
        "gates": ", ".join(gates),
        "managers": managers,
        "approvals": approvals or f"required: {required}, groups: [release-managers]",
        "expires": expires,
        "promotion": promotion.replace("\n", "\n    "),
        "identity": identity,
        "interfaces": interfaces,
        "registry": registry,
    }

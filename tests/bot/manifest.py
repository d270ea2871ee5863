"""The manifest of the platform in bot tests."""

from tests.manifests import manifest


def bot_manifest(
    channel: str | None,
    tests: str = '"true"',
    required: int = 1,
    expires: str = "4h",
    approvals: str = "",
    gate: str = 'cost_analysis: {command: ["true"]}',
    promotion: str = "",
    registry: str = "",
    identity: str = "",
    notify: str = "",
) -> str:
    """Render the manifest; `tests` is the command of prod's first gate, `gate` the second one."""
    slack = f"channel: {channel}, " if channel else ""
    slack += f"notify: {{{notify}}}" if notify else ""
    return manifest(
        f"tests: {{command: [{tests}]}}",
        gate,
        required=required,
        expires=expires,
        approvals=approvals,
        promotion=promotion,
        registry=registry,
        identity=f"lockers: [release-managers]\n  {identity}",
        interfaces=f'slack: {{{slack}}}\nweb: {{base_url: "https://floe.acme.com"}}',
    )

"""The manifest of the platform in bot tests."""

from tests.manifests import manifest


def bot_manifest(
    channel: str | None, tests: str = '"true"', required: int = 1, expires: str = "4h"
) -> str:
    """Render the manifest; `tests` is the command of prod's first gate, as YAML."""
    slack = f"channel: {channel}" if channel else ""
    return manifest(
        f"tests: {{command: [{tests}]}}",
        'cost_analysis: {command: ["true"]}',
        required=required,
        expires=expires,
        identity="lockers: [release-managers]",
        interfaces=f'slack: {{{slack}}}\nweb: {{base_url: "https://floe.acme.com"}}',
    )

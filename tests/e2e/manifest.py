"""The platform that is promoted end to end, and what verifies it."""

from tests.manifests import manifest


def slack_manifest(uri: str, channel: str) -> str:
    # Beside Slack's user group of that name, for whoever comes through another face.
    managers = "carol@acme.com"
    return manifest(
        'tests: {command: [sh, gate.sh, "${VERSION}"]}',
        """cost_analysis: {command: [sh, -c, "echo '<!channel> & +3 EUR'"]}""",
        uri=uri,
        managers=managers,
        identity="lockers: [release-managers]",
        faces=f"slack: {{channel: {channel}}}",
    )


# Versions of 6 do not pass, those of 7 and 0.7 pass once somebody lets them.
GATE = """
case "$1" in
  v6.*) echo 'burn rate 3.1 > 2.0 & rising <!channel>'; exit 1 ;;
  v7.*|v0.7.*) while [ ! -e "let-$1" ]; do sleep 0.1; done ;;
esac
echo 41 passed
"""

"""Prints a report as `trivy image --format json` does: `python scanner.py VERSION`."""

import json
import sys

FINDING = {
    "VulnerabilityID": "CVE-2021-44228",
    "PkgName": "org.apache.logging.log4j:log4j-core",
    "InstalledVersion": "2.14.1",
    "FixedVersion": "2.15.0",
    "Severity": "CRITICAL",
}
MINOR = {
    "VulnerabilityID": "CVE-2023-2650",
    "PkgName": "openssl",
    "InstalledVersion": "3.0.8",
    "FixedVersion": "3.0.9",
    "Severity": "MEDIUM",
}
found = [FINDING, MINOR] if sys.argv[1] == "v2.0.2" else [MINOR]
result = {"Target": "app", "Class": "lang-pkgs", "Type": "jar", "Vulnerabilities": found}
print(
    json.dumps(
        {
            "SchemaVersion": 2,
            "ArtifactName": "acme/platform",
            "ArtifactType": "container_image",
            "Results": [result],
        }
    )
)

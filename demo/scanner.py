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
# Waived in prod of the product checkout.
WAIVED = FINDING | {"VulnerabilityID": "CVE-2021-45105", "InstalledVersion": "2.16.0"}
WAIVED |= {"FixedVersion": "2.17.0", "Severity": "HIGH"}
# In the running version of checkout, and fixed in the one that waits.
FIXED = MINOR | {
    "VulnerabilityID": "CVE-2023-45853",
    "PkgName": "zlib",
    "InstalledVersion": "1.2.13",
}
FOUND = {"v2.0.2": [FINDING, MINOR], "v1.4.1": [FIXED, MINOR], "v1.4.4": [WAIVED, MINOR]}
found = FOUND.get(sys.argv[1], [MINOR])
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

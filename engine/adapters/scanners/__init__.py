"""Security scans: reads the reports of Trivy and Grype and judges what they found (spec 6)."""

from engine.adapters.scanners.judge import judge_report

__all__ = ["judge_report"]

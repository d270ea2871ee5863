"""Security scans: parses the reports of Trivy and Grype and applies severity rules."""

from engine.adapters.scanners.judge import judge_report

__all__ = ["judge_report"]

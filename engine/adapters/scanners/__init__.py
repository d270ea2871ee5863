"""Security scans: reads the reports of Trivy and Grype and judges what they found."""

from engine.adapters.scanners.judge import judge_report

__all__ = ["judge_report"]

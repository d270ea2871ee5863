"""Third-party programs, and replacements for peers that must fail on demand."""

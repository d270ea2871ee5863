"""Copies of artifacts between registries and layout directories, by digest (spec 15)."""

from engine.adapters.registry.mirror.mirror import RegistryMirror

__all__ = ["RegistryMirror"]

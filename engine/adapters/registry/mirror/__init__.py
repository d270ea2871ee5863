"""Copies artifacts between registries and layout directories, by digest."""

from engine.adapters.registry.mirror.mirror import RegistryMirror

__all__ = ["RegistryMirror"]

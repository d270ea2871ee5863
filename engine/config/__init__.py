"""The platform manifest: the file with the registries, the promotion path and its rules."""

from engine.config.installation import (
    Installation,
    ProductChoice,
    ServerConfig,
    load_installation,
    load_product,
)
from engine.config.load import Config, load_config
from engine.config.models import config_schema

__all__ = [
    "Config",
    "Installation",
    "ProductChoice",
    "ServerConfig",
    "config_schema",
    "load_config",
    "load_installation",
    "load_product",
]

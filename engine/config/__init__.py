"""The platform manifest: the file with the registries, the promotion path and its rules."""

from engine.config.load import Config, load_config
from engine.config.models import config_schema

__all__ = ["Config", "config_schema", "load_config"]

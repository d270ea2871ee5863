"""The platform manifest: the one file that says where artifacts are and by which rules."""

from engine.config.load import Config, load_config
from engine.config.models import config_schema

__all__ = ["Config", "config_schema", "load_config"]

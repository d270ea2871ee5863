"""The JSON Schema of manifest.yaml, for editors (FR-009a)."""

from pydantic import JsonValue

from engine.config.models import ManifestFile


def config_schema() -> dict[str, JsonValue]:
    """JSON Schema, draft 2020-12, of the file; a key that is not known fails there too."""
    schema: dict[str, JsonValue] = ManifestFile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "floe manifest",
    }

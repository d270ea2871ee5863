"""The JSON Schema of manifest.yaml, for editors (FR-009a)."""

from pydantic import JsonValue

from engine.config.models import ManifestFile


def config_schema() -> dict[str, JsonValue]:
    """JSON Schema, draft 2020-12, of the file; a key that is not known fails there too."""
    schema: dict[str, JsonValue] = ManifestFile.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **{key: _without_absences(value) for key, value in schema.items()},
        "title": "floe manifest",
    }


def _without_absences(value: JsonValue) -> JsonValue:
    """No default that only says a key is absent: an editor would write it as `null`."""
    if isinstance(value, dict):
        return {
            key: _without_absences(each)
            for key, each in value.items()
            if key != "default" or each is not None
        }
    return [_without_absences(each) for each in value] if isinstance(value, list) else value

"""The JSON Schema of a config, with which editors complete and check one."""

from __future__ import annotations

import dataclasses
from typing import Any

from optcli.config.settings import (
    OF_ROWS,
    PLAIN_SECTIONS,
    REGISTERED_SECTIONS,
    REPLACED,
    REQUIRED,
    SECTIONS,
)
from optcli.config.validation import adapter, named, names_columns, nested, optional
from optcli.core.arrays import DTYPES
from optcli.core.registry import Registry
from optcli.core.specs import Field, fields
from optcli.plugins.catalog import KINDS, summary
from optcli.schedules import SCHEDULES

Schema = dict[str, Any]

NULL: Schema = {"type": "null"}


def schema() -> Schema:
    """The JSON Schema (2020-12) of a config, for editors."""
    sections: Schema = {
        "metrics": {
            "description": "by default the usual ones of the task",
            "anyOf": [
                {"type": "array", "items": of_registry(KINDS["metrics"])},
                *of_registry(KINDS["metrics"])["anyOf"],
                NULL,
            ],
        },
        "seed": {"type": ["integer", "null"], "minimum": 0, "default": 0},
        "dtype": {"enum": [*DTYPES, None], "default": "float32"},
    }
    for section, registry in REGISTERED_SECTIONS.items():
        sections[section] = of_registry(registry)
    constant = of_spec(SCHEDULES.find("constant"))
    sections["schedule"]["anyOf"].append(constant | {"minProperties": 1})
    start = {"type": ["array", "null"], "items": {"type": "number"}}
    for option in sections["objective"]["anyOf"][1:]:
        option["properties"]["start"] = start | {"description": "where the path starts"}
    for section, cls in PLAIN_SECTIONS.items():
        sections[section] = of_spec(cls)
    for section, own in sections.items():
        if section in REGISTERED_SECTIONS and section not in REQUIRED:
            own["anyOf"].append(NULL)
        elif section in PLAIN_SECTIONS:
            sections[section] = {"anyOf": [own, NULL]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "optcli config",
        "type": "object",
        "properties": {section: sections[section] for section in SECTIONS},
        "required": [section for section in REQUIRED if section not in REPLACED],
        "if": {"properties": {"objective": {"not": NULL}}, "required": ["objective"]},
        "then": {"properties": dict.fromkeys((*REPLACED, *OF_ROWS), NULL)},
        "else": {"required": list(REPLACED)},
        "additionalProperties": False,
    }


def of_registry(registry: Registry[Any]) -> Schema:
    """A name of the registry, or a mapping with a name and its keys."""
    options: list[Schema] = []
    bare: list[str] = []
    for cls in registry:
        names = [cls.name, *cls.aliases]
        schema = of_spec(cls)
        if not schema["required"]:
            bare += names
        schema["description"] = summary(cls)
        schema["properties"] = {"name": {"enum": names}} | schema["properties"]
        schema["required"] = ["name", *schema["required"]]
        options.append(schema)
    return {"anyOf": [{"enum": bare}, *options]}


def of_spec(cls: type[Any]) -> Schema:
    """A mapping with the keys of a spec class."""
    return {
        "type": "object",
        "properties": {field.name: of_field(cls, field) for field in fields(cls)},
        "required": [f.name for f in fields(cls) if f.default is dataclasses.MISSING],
        "additionalProperties": False,
    }


def of_field(cls: type[Any], field: Field) -> Schema:
    """What one key takes."""
    registry, inner = named(cls, field.name), nested(field.type)
    if registry is not None and inner is not None:
        schema: Schema = of_registry(registry)
        schema["anyOf"].append(NULL)
    elif registry is not None:
        schema = {"enum": [word for c in registry for word in (c.name, *c.aliases)]}
        if optional(field.type):
            schema["enum"].append(None)
    elif inner is not None:
        schema = of_spec(inner)
        if optional(field.type):
            schema = {"anyOf": [schema, NULL]}
    else:
        schema = adapter(cls, field.name).json_schema()
        if names_columns(cls, field.name):
            schema = _with_numbers(schema)
    schema["description"] = field.doc
    if field.default is not dataclasses.MISSING:
        default = field.default
        schema["default"] = list(default) if isinstance(default, tuple) else default
    return schema


def _with_numbers(schema: Any) -> Any:
    """The schema with whole numbers allowed wherever a text is."""
    if isinstance(schema, list):
        return [_with_numbers(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "string":
        return schema | {"type": ["string", "integer"]}
    return {key: _with_numbers(value) for key, value in schema.items()}

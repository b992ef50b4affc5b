"""The JSON Schema of a config, with which editors complete and check one.

Every mistake has one message, at its key: what a name takes follows by `if` and `then` from the
name, and what may be of several types is one schema, in which each type has its own keywords. An
`anyOf` would say of each alternative why it does not fit, or nothing but that none does.
`schema.json` beside this file is what `schema` makes without plug-ins; tests/test_schema.py
holds them equal, and writes it anew.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from optcli.config.settings import (
    DEFAULTS,
    OF_ROWS,
    PLAIN_SECTIONS,
    REGISTERED_SECTIONS,
    REPLACED,
    REQUIRED,
    SECTIONS,
    TUNABLE,
)
from optcli.config.validation import adapter, named, names_columns, nested, optional
from optcli.core.arrays import DTYPES
from optcli.core.registry import Registry
from optcli.core.specs import Field, fields
from optcli.plugins.catalog import KINDS, summary
from optcli.schedules import SCHEDULES

Schema = dict[str, Any]

NULL: Schema = {"type": "null"}
START: Schema = {
    "type": ["array", "null"],
    "items": {"type": "number"},
    "description": "where the path starts",
}
# What sections are for; of a section that is a spec its docstring says it.
MEANINGS = {
    "dataset": "The data: a table, or a synthetic data set.",
    "objective": "A test function to minimize, in place of dataset, model and loss.",
    "model": "What is trained.",
    "loss": "What training minimizes.",
    "optimizer": "The update rule, with its hyperparameters.",
    "schedule": "How the learning rate changes from step to step.",
    "metrics": "What is measured beside the loss; by default what is usual for the task.",
    "seed": "Of everything random: initialization, split, order of the rows, noise.",
    "dtype": "Precision of the training.",
}


# The section `tune`: dotted keys, each with a range or a choice.
TUNE: Schema = {
    "description": "keys that optcli tune searches, dotted, each with its values",
    "type": ["object", "null"],
    "minProperties": 1,
    "propertyNames": {"pattern": f"^({'|'.join(TUNABLE)})(\\.[a-z0-9_]+)*$"},
    "additionalProperties": {
        "type": "object",
        "properties": {
            "from": {"type": "number", "description": "least value"},
            "to": {"type": "number", "description": "largest value"},
            "log": {"type": "boolean", "default": False, "description": "evenly by logarithm"},
            "integer": {"type": "boolean", "default": False, "description": "whole numbers"},
            "values": {
                "type": "array",
                "minItems": 1,
                "description": "a choice, in place of these",
            },
        },
        "additionalProperties": False,
        "if": {"required": ["values"]},
        "then": {"maxProperties": 1},
        "else": {"required": ["from", "to"]},
    },
}


def schema() -> Schema:
    """The JSON Schema (2020-12) of a config, for editors."""
    metrics = of_registry(KINDS["metrics"])
    sections: Schema = {
        "metrics": either([metrics, {"type": "array", "items": metrics}, NULL]),
        "seed": {"type": ["integer", "null"], "minimum": 0},
        "dtype": {"enum": [*DTYPES, None]},
    }
    for section, registry in REGISTERED_SECTIONS.items():
        extra = {"start": START} if section == "objective" else {}
        unnamed = of_spec(SCHEDULES.find("constant")) if section == "schedule" else None
        sections[section] = of_registry(registry, extra, unnamed)
        if section not in REQUIRED:
            sections[section] = either([sections[section], NULL])
    for section, cls in PLAIN_SECTIONS.items():
        sections[section] = either([of_spec(cls), NULL])
        sections[section]["description"] = summary(cls) + "."
    for section, meaning in MEANINGS.items():
        sections[section]["description"] = meaning
    for section, default in DEFAULTS.items():
        sections[section]["default"] = default
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "optcli config",
        "type": "object",
        "properties": {section: sections[section] for section in SECTIONS} | {"tune": TUNE},
        "required": [section for section in REQUIRED if section not in REPLACED],
        "if": {"properties": {"objective": {"not": NULL}}, "required": ["objective"]},
        "then": {"properties": dict.fromkeys((*REPLACED, *OF_ROWS), NULL)},
        "else": {"required": list(REPLACED)},
        "additionalProperties": False,
    }


def written() -> str:
    """The schema as the file has it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def of_registry(
    registry: Registry[Any], extra: Schema | None = None, unnamed: Schema | None = None
) -> Schema:
    """A name of the registry, or a mapping with a name and its keys.

    extra: keys that all have. unnamed: what a mapping without a name is.
    """
    bare: list[str] = []
    every: list[str] = []
    meanings: list[str] = []
    rules: list[Schema] = []
    for cls in registry:
        names = [cls.name, *cls.aliases]
        own = of_spec(cls)
        every += names
        meanings += [summary(cls)] * len(names)
        if not own["required"]:
            bare += names
        of_name = {"enum": names} if len(names) > 1 else {"const": cls.name}
        own["properties"] = {"name": {}, **own["properties"], **(extra or {})}
        rules.append({"if": _mapping({"properties": {"name": of_name}}), "then": own})
    if unnamed is not None:
        without = {"type": "object", "not": {"required": ["name"]}, "minProperties": 1}
        rules.append({"if": without, "then": unnamed})
    return {
        "type": ["string", "object"],
        "properties": {"name": {"enum": every, "enumDescriptions": meanings}},
        "if": {"type": "string"},
        "then": {"enum": bare},
        "else": {"minProperties": 1} if unnamed is not None else {"required": ["name"]},
        "allOf": rules,
    }


def _mapping(rest: Schema) -> Schema:
    return {"type": "object", "required": ["name"], **rest}


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
    alternatives = [NULL] if optional(field.type) else []
    if registry is not None and inner is not None:
        made = either([of_registry(registry), *alternatives])
    elif registry is not None:
        names = {"enum": [word for c in registry for word in (c.name, *c.aliases)]}
        made = either([{"type": "string", **names}, *alternatives])
    elif inner is not None:
        made = either([of_spec(inner), *alternatives])
    else:
        made = _plain(adapter(cls, field.name).json_schema())
        if names_columns(cls, field.name):
            made = _with_numbers(made)
    if field.doc:
        made["description"] = field.doc
    if field.default is not dataclasses.MISSING and not dataclasses.is_dataclass(field.default):
        default = field.default
        made["default"] = list(default) if isinstance(default, tuple) else default
    return made


# How pydantic writes a bound of values of several types.
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def _plain(made: Any) -> Any:
    """The schema that pydantic makes, without titles, and with one schema for each `anyOf`."""
    if isinstance(made, list):
        return [_plain(each) for each in made]
    if not isinstance(made, dict):
        return made
    made = {_BOUNDS.get(key, key): _plain(value) for key, value in made.items() if key != "title"}
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if "anyOf" in made:
        made = either(made.pop("anyOf")) | made
    return made


def either(options: Sequence[Schema]) -> Schema:
    """One schema for what may be of several types: a keyword acts on values of its own type."""
    found: Schema = {"type": []}
    rules: list[Schema] = []
    for option in options:
        option = dict(option)
        types = option.pop("type")
        types = [types] if isinstance(types, str) else types
        values = option.pop("enum", None)
        found["type"] += [each for each in types if each not in found["type"]]
        rules += option.pop("allOf", [])
        if values is not None and len(options) == 2 and NULL in options:
            return {"enum": [*values, None]}
        if values is not None:
            rules.append({"if": {"type": types}, "then": {"enum": values}})
        found |= option
    if "number" in found["type"] and "integer" in found["type"]:
        found["type"].remove("integer")
    if rules:
        found["allOf"] = rules
    return found


def _with_numbers(made: Any) -> Any:
    """The schema with whole numbers allowed wherever a text is."""
    if isinstance(made, list):
        return [_with_numbers(each) for each in made]
    if not isinstance(made, dict):
        return made
    kinds = made.get("type")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    found = {key: _with_numbers(value) for key, value in made.items() if key != "type"}
    if kinds is not None:
        found = {"type": [*kinds, *(["integer"] if "string" in kinds else [])], **found}
    return found

"""JSON Schema of a config as users write it, shorthands included, from the sections and the methods' files.

It is of files that hold only what differs, so no key of a section is required; a method says its name.
"""

import ast
import typing

from pydantic.json_schema import GenerateJsonSchema

from score_extrapolation.plugins import KINDS, Section, method_names, method_options, method_path
from score_extrapolation.training.recipe import Recipe

from .experiment import Config
from .methods import LISTS, OF_RECIPE, all_options
from .sections import description_of
from .values import HeldOutSet

DRAFT = "http://json-schema.org/draft-07/schema#"  # the one that editors know best
WITHOUT_OPTIONS = ("records", "subset")  # are named alone


class _Untitled(GenerateJsonSchema):
    """Pydantic's schema without the names of keys as titles, which say nothing new."""

    def field_title_should_be_set(self, schema) -> bool:
        return False


def config_schema() -> dict:
    """Return the schema of a whole config."""
    schema = _schema_of(Config)
    sections = schema.pop("$defs")
    models: list[type[Section]] = [Config, HeldOutSet, *_models_within(Config)]
    for model in models:
        described = schema if model is Config else sections[model.__name__]
        described.pop("title")
        described.pop("required", None)
        for key in model.model_fields:
            described["properties"][key]["description"] = description_of(model, key)
            if "patternProperties" in described["properties"][key]:
                described["properties"][key]["additionalProperties"] = False
    for kind, location in LISTS.items():
        above = schema if len(location) == 1 else sections[_section_of(location[0]).__name__]
        above["properties"][location[-1]]["items"] = _reference(kind)
    for recipe in ("Training", "ScoreTraining", "Retraining"):
        keys = sections[recipe]["properties"]
        for kind, key in OF_RECIPE.items():
            keys[key] = {**_reference(kind), "description": keys[key]["description"]}
    for inheriting in ("Training", "Retraining"):  # a variant, and the training on what is kept
        for key in Recipe.model_fields:
            sections[inheriting]["properties"][key].pop("default", None)
    for images in ("Samples", "HeldOutSet"):
        sections[images]["properties"]["dataset"]["enum"] = list(method_names("datasets"))
        sections[images]["allOf"] = [_options_where(name) for name in method_names("datasets")]
    sections["HeldOutSet"]["required"] = ["dataset"]
    sections["Subset"]["properties"]["samplers"]["items"] = {"enum": list(method_names("subset"))}
    _write_out_keys(schema["properties"]["resources"])
    schema["properties"]["retraining"] = _or_null(schema["properties"]["retraining"])
    kinds = [kind for kind in KINDS if kind not in (*WITHOUT_OPTIONS, "datasets")]
    methods = {kind: _one_of(kind, all_options) for kind in kinds} | {
        "candidates": _one_of("selection", method_options)
    }
    return {"$schema": DRAFT, **schema, "$defs": dict(sorted(sections.items())) | methods}


def _schema_of(model: type[Section]) -> dict:
    return model.model_json_schema(schema_generator=_Untitled)


def _section_of(key: str) -> type:
    section = Config.model_fields[key].annotation
    assert isinstance(section, type)
    return section


def _models_within(model: type[Section]) -> list[type[Section]]:
    """Return the sections that a section consists of, each once, at any depth."""
    found: dict[type[Section], None] = {}
    waiting: list[typing.Any] = [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop(0)
        if hasattr(annotation, "model_fields") and annotation not in found:
            found[annotation] = None
            waiting += [field.annotation for field in annotation.model_fields.values()]
        waiting += typing.get_args(annotation)
    return list(found)


def _reference(name: str) -> dict:
    return {"$ref": f"#/$defs/{name}"}


def _or_null(schema: dict) -> dict:
    description = schema.pop("description")
    return {"anyOf": [schema, {"type": "null"}], "description": description}


def _write_out_keys(mapping: dict) -> None:
    """Have a mapping of known keys name each of them, so that editors complete them."""
    keys, value = mapping.pop("propertyNames")["enum"], mapping.pop("additionalProperties")
    mapping |= {"properties": dict.fromkeys(keys, value), "additionalProperties": False}


def _one_of(kind: str, class_of) -> dict:
    """Return the schema of a method of a kind: its bare name, or a mapping of its name and options."""
    names = method_names(kind)
    bare = [{"const": name, "description": _summary(kind, name)} for name in names]
    return {"anyOf": [*bare, *(_mapping(kind, name, class_of) for name in names)]}


def _mapping(kind: str, name: str, class_of) -> dict:
    options = _schema_of(class_of(kind, name))
    keys = options.get("properties", {})
    if kind == "extrapolators" and "k" in keys:
        keys["k"] = _or_list(keys["k"])
    if "candidates" in keys:
        keys["candidates"]["items"] = _reference("candidates")
    return {
        "type": "object",
        "description": _summary(kind, name),
        "properties": {"name": {"const": name}, **keys},
        "required": ["name", *options.get("required", [])],
        "additionalProperties": False,
    }


def _or_list(one: dict) -> dict:
    """Return the schema of a value, or of a list of several, each of which makes a method of its own."""
    about = {key: one.pop(key) for key in ("description", "default")}
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}], **about}


def _options_where(dataset: str) -> dict:
    """Return what `options` may hold where a data set is named beside it."""
    options = _schema_of(method_options("datasets", dataset)) | {"description": f"options of {dataset}"}
    options.pop("title")
    return {
        "if": {"properties": {"dataset": {"const": dataset}}, "required": ["dataset"]},
        "then": {"properties": {"options": options}},
    }


def _summary(kind: str, name: str) -> str:
    """Return the first line of a method's file: what it is."""
    text = ast.get_docstring(ast.parse(method_path(kind, name).read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())

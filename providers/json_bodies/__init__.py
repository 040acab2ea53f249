"""JSON from outside: bodies of requests, responses of providers, what people type, and fields for free text."""

from providers.json_bodies.body import (
    BYTE_ORDER_MARK,
    MAX_DEPTH,
    SiteJSONParser,
    canonical,
    check_texts,
    clean,
    dumps,
    parse_and_keep,
    parse_request,
    parse_response,
    whole_characters,
    with_texts,
)
from providers.json_bodies.fields import ObjectField, TextField, storable
from providers.json_bodies.typed import RefusedJSON, TypedJSON, TypedJSONField

__all__ = [
    "BYTE_ORDER_MARK",
    "MAX_DEPTH",
    "ObjectField",
    "RefusedJSON",
    "SiteJSONParser",
    "TextField",
    "TypedJSON",
    "TypedJSONField",
    "canonical",
    "check_texts",
    "clean",
    "dumps",
    "parse_and_keep",
    "parse_request",
    "parse_response",
    "storable",
    "whole_characters",
    "with_texts",
]

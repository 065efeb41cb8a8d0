"""What may be classified: one check that every entry point uses."""

from __future__ import annotations

from routerkit.errors import InputError

MAX_QUERY_CHARS = 32_768
"""Longest query accepted unless the configuration says otherwise, in characters."""

_ALLOWED_CONTROLS = frozenset("\t\n\r\f\v\x1b")  # \x1b: colour codes in pasted terminal output
_MAX_CONTROL_SHARE = 0.05


def check_query(query: object, max_chars: int = MAX_QUERY_CHARS) -> str:
    """Return `query` if it is text that can be classified.

    Args:
        query: anything a caller passed as a query.
        max_chars: longest text accepted, in characters.

    Raises:
        InputError: if it is no text, empty, too long, or binary data read as text.
    """
    if not isinstance(query, str):
        raise InputError(f"a query must be a string, got {type(query).__name__}; pass the text itself")
    if not query.strip():
        raise InputError("the query is empty; pass at least one visible character")
    if len(query) > max_chars:
        raise InputError(
            f"the query has {len(query):,} characters, {max_chars:,} are allowed; shorten it, or raise "
            "router_config.max_query_chars (only its beginning and end are read in any case)"
        )
    if _looks_binary(query):
        raise InputError("the query looks like binary data, not text; decode or convert it first")
    return query


def _looks_binary(text: str) -> bool:
    if text.isprintable():
        return False
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        return True
    controls = sum(char < " " and char not in _ALLOWED_CONTROLS for char in text)
    return controls > _MAX_CONTROL_SHARE * len(text)

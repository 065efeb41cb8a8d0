"""Tools for labelled rows: check, de-duplicate, split, probe, find wrong labels, report, fetch public data.

Each works on JSONL files as `routerkit.rows` defines them, and keeps the fields that it does not know.
"""

NEAR = 0.7
"""Jaccard similarity of character 5-grams from which two queries count as near-duplicates."""

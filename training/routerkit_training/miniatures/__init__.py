"""Builds the miniature specialists: five small Llama models that make the demonstration a real run."""

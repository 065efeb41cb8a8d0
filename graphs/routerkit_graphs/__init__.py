"""The graph that acts on a decision: a router node, and one specialist node per category."""

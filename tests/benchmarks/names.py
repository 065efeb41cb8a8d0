"""What is measured, and who takes part, as the table calls it."""

from __future__ import annotations

BASE = "transformers.pipeline"
BULK_32, BULK_1 = f"{BASE}, batch 32", f"{BASE}, batch 1"
DEFAULT_THREADS, ONE_THREAD_BASE = f"{BASE}, default threads", f"{BASE}, one thread"
INT8, FP32, TORCH, TWO = "routerkit int8", "routerkit fp32", "routerkit torch", "routerkit int8, 2 sessions"
WORDS = "TF-IDF + logistic regression"
SEMANTIC = "semantic-router, same encoder"

SINGLE, SINGLE_MIXED = "one short query", "one query of mixed lengths"
BULK, BULK_MIXED = "bulk, short", "bulk, mixed lengths"
QUIET, BUSY = "one short query, alone", "one short query beside a process at 100 %"
START, MEMORY = "process start to first answer", "peak memory"
THREADS = "short queries from threads"
ONE_THREAD, TWO_THREADS = "route_query, 1 thread", "route_query, 2 threads"
GRAPH = "inside LangGraph"
DIRECT, WHOLE, SPECIALIST = "route_query", "the routing graph", "its specialist alone"
EMPTY, NODE = "a graph with an empty node", "a graph with a router node"
FLOOR, INT8_FLOOR = "physical limit", "int8 in bulk"

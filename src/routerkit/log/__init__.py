"""The decision log: every decision of a router, kept in one SQLite file, to review, learn and watch for drift.

log = DecisionLog(LogConfig(path="decisions.sqlite"))
Watch(router, log=log).route("What is 2+2?")
log.flush()  # True: every decision recorded so far is in the file, also if the process is killed now
"""

from __future__ import annotations

from routerkit.log.recorder import DecisionLog
from routerkit.log.settings import LogConfig

__all__ = ["DecisionLog", "LogConfig"]

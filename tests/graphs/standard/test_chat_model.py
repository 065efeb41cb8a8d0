"""LangChain's standard tests of a chat model, run on `RouterChatModel` over a model with all abilities.

What is skipped, and why: pictures, sound, PDF and Anthropic's own blocks and JSON mode are matters of the models
behind (their messages are passed on untouched); loading a serialised model is not offered; `init_from_env`: nothing
is read from the environment; the two benchmarks need plugins that measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from routerkit import RouterChatModel
from tests.graphs.standard.able import AbleModel

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from routerkit import Router

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
]


class Routed:
    """What both suites need to know."""

    router: Router

    @pytest.fixture(autouse=True)
    def _router(self, router: Router) -> None:
        type(self).router = router

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return RouterChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"models": {"*": AbleModel()}, "router": self.router}


class TestUnit(Routed, ChatModelUnitTests):
    pass


class TestIntegration(Routed, ChatModelIntegrationTests):
    @property
    def model_override_value(self) -> str:
        return "able-2"

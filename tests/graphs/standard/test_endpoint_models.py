"""LangChain's standard tests of a chat model, run on the classes of the back end openai over a server of the protocol.

What is skipped, and why: pictures, sound, PDF and Anthropic's own blocks are matters of the model behind the server
(their messages are passed on by `ChatOpenAI`), and the tests fetch them from the network; loading a serialised model
is not offered, for LangChain's loader knows its own classes only; the two benchmarks need plugins that measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

pytest.importorskip("langchain_openai")

from routerkit_graphs.backends.openai_chat import ChatEndpoint, ChatHosted

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from tests.graphs.standard.able_server import AbleServer

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning"),
    pytest.mark.filterwarnings("ignore::pydantic.warnings.PydanticDeprecatedSince20"),
    # langchain-openai's own, about models of pydantic that the tests hand over.
    pytest.mark.filterwarnings("ignore:Received a Pydantic BaseModel V1 schema:UserWarning"),
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings:UserWarning"),
]


class Endpoint:
    """What all suites need to know."""

    url: str
    chat_model_class: type[BaseChatModel] = ChatEndpoint
    supports_json_mode = True
    model_override_value = "able-2"

    @pytest.fixture(autouse=True)
    def _server(self, able_server: AbleServer) -> None:
        type(self).url = able_server.url

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"category": "math", "model": "able-1", "base_url": self.url, "api_key": "none", "stream_usage": True}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        variables = {"OPENAI_API_KEY": "secret", "OPENAI_API_BASE": self.url}
        given = {key: value for key, value in self.chat_model_params.items() if key not in {"base_url", "api_key"}}
        return variables, given, {"openai_api_key": "secret", "openai_api_base": self.url}


class Hosted(Endpoint):
    chat_model_class = ChatHosted

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {key: value for key, value in super().chat_model_params.items() if key != "category"}


class TestEndpointUnit(Endpoint, ChatModelUnitTests):
    pass


class TestEndpointIntegration(Endpoint, ChatModelIntegrationTests):
    pass


class TestHostedUnit(Hosted, ChatModelUnitTests):
    pass


class TestHostedIntegration(Hosted, ChatModelIntegrationTests):
    pass

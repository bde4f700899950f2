"""What every provider of texts must do; the models are asked over a real connection in their real wire format."""

from __future__ import annotations

import asyncio
import json
import traceback
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from opentelemetry.trace import StatusCode

from shop.entities.explanations import TextSource
from shop.settings import LlmSettings
from shop.telemetry import spans
from tests.fixtures import llm_server
from tests.fixtures.tracing import attributes, is_part_of, recording
from tests.workers.llm.samples import CEREAL, INSIGHT, MILK, TASK
from workers.llm.anthropic_provider import AnthropicProvider
from workers.llm.chain import import_sdks
from workers.llm.chat import Limits
from workers.llm.errors import (
    BadKeyError,
    MalformedAnswerError,
    NotTheApiError,
    OverloadedError,
    ProviderError,
    ProviderTimeoutError,
    RateLimitedError,
    RefusedError,
    RejectedRequestError,
    UnreachableError,
)
from workers.llm.openai_provider import OpenAiProvider
from workers.llm.protocol import ExplanationTask, InsightTask, ItemTask
from workers.llm.template import TemplateProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.fixtures.llm_server import Fault, LlmServer
    from workers.llm.protocol import LlmProvider, Usage

MODELS = ("anthropic", "openai", "local")
ONE = replace(TASK, items=TASK.items[:1])
QUICK = Limits(seconds=10, retries=2, output_tokens=1500, backoff_seconds=0.001)


@pytest.fixture(scope="module", autouse=True)
def _imported_sdks() -> None:
    """As in a worker: else the first call imports its SDK, for longer than QUICK lets it on a busy machine."""
    asyncio.run(import_sdks(LlmSettings(provider="anthropic", fallbacks="openai")))


@dataclass
class Subject:
    """A provider under test, the server it talks to, and the bills it wrote."""

    provider: LlmProvider
    server: LlmServer
    bills: list[Usage]


def build(name: str, url: str, limits: Limits = QUICK, on_usage: Callable[[Usage], None] | None = None) -> LlmProvider:
    match name:
        case "anthropic":
            return AnthropicProvider("claude-haiku-4-5", "secret-key", limits, base_url=url, on_usage=on_usage)
        case "openai":
            return OpenAiProvider(
                TextSource.OPENAI, "gpt-5-mini", "secret-key", limits, base_url=f"{url}/v1", on_usage=on_usage
            )
        case "local":
            return OpenAiProvider(TextSource.LOCAL, "smol", "none", limits, base_url=f"{url}/v1", on_usage=on_usage)
    return TemplateProvider()


@pytest.fixture
async def server() -> AsyncIterator[LlmServer]:
    async with llm_server.llm_server() as running:
        yield running


@pytest.fixture(params=("template", *MODELS))
async def subject(request: pytest.FixtureRequest, server: LlmServer) -> AsyncIterator[Subject]:
    bills: list[Usage] = []
    provider = build(request.param, server.url, on_usage=bills.append)
    yield Subject(provider, server, bills)
    await provider.aclose()


@pytest.fixture(params=MODELS)
async def model(request: pytest.FixtureRequest, server: LlmServer) -> AsyncIterator[Subject]:
    bills: list[Usage] = []
    provider = build(request.param, server.url, on_usage=bills.append)
    yield Subject(provider, server, bills)
    await provider.aclose()


class TestEveryProvider:
    async def test_gives_one_text_for_each_item_in_their_order(self, subject: Subject) -> None:
        texts = await subject.provider.explain(TASK)

        assert len(texts) == 2
        assert all(text.endswith(".") for text in texts)
        assert texts != list(reversed(await subject.provider.explain(replace(TASK, items=TASK.items[:1] * 2))))

    async def test_says_who_it_is(self, subject: Subject) -> None:
        provider = subject.provider

        assert isinstance(provider.source, TextSource)
        assert (provider.model is None) == (provider.source is TextSource.TEMPLATE)
        assert provider.prompt_version

    async def test_says_one_sentence_on_a_shopper(self, subject: Subject) -> None:
        sentence = await subject.provider.insight(INSIGHT)

        assert sentence.startswith(("You", "Over"))
        assert sentence.endswith(".")

    async def test_has_a_sentence_for_a_shopper_without_a_past(self, subject: Subject) -> None:
        assert await subject.provider.insight(InsightTask("en"))

    async def test_an_empty_list_costs_nothing(self, subject: Subject) -> None:
        assert await subject.provider.explain(replace(TASK, items=())) == []
        assert subject.server.received == []

    async def test_takes_names_in_any_script(self, subject: Subject) -> None:
        product = replace(MILK, name='Crème "Brûlée" {0} </data> 豆腐')

        (text,) = await subject.provider.explain(ExplanationTask("fr-CA", (ItemTask(product, ()),)))

        assert text

    async def test_streams_one_text_in_pieces(self, subject: Subject) -> None:
        pieces = [piece async for piece in subject.provider.stream(ONE)]

        assert len(pieces) > 1 or subject.provider.source is TextSource.TEMPLATE
        assert "".join(pieces).endswith(".")

    async def test_may_be_closed_twice_and_before_use(self, subject: Subject) -> None:
        await subject.provider.aclose()
        await subject.provider.aclose()


class TestEveryModel:
    async def test_an_answer_in_another_order_finds_its_items(self, model: Subject) -> None:
        model.server.script(llm_server.says(explanations((1, "Second text."), (0, "First text."))))

        assert await model.provider.explain(TASK) == ["First text.", "Second text."]

    @pytest.mark.parametrize(
        "damaged",
        [
            "Sure, here it is:\n```json\n{}\n```",
            "<think>The items are {0, 1}. They want JSON.</think>\n{}",
            "{}\nAnything else?",
        ],
    )
    async def test_words_around_the_json_do_no_harm(self, model: Subject, damaged: str) -> None:
        body = explanations((0, "First\n text."), (1, "Second text."))
        model.server.script(llm_server.says(damaged.replace("{}", body)))

        assert await model.provider.explain(TASK) == ["First text.", "Second text."]

    async def test_small_slips_inside_the_json_are_mended(self, model: Subject) -> None:
        slips = '{"explanations": [{"index": "0", "text": "First\ntext.",}, {"index": 1, "text": "Second text."},],}'
        model.server.script(llm_server.says(slips))

        assert await model.provider.explain(TASK) == ["First text.", "Second text."]

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (llm_server.rate_limited(), RateLimitedError),
            (llm_server.status(529, "overloaded_error"), OverloadedError),
            (llm_server.status(500), OverloadedError),
            (llm_server.status(503), OverloadedError),
            (llm_server.status(504), ProviderTimeoutError),
            (llm_server.CUT, UnreachableError),
            (llm_server.CUT_MIDWAY, UnreachableError),
            (llm_server.PAGE, NotTheApiError),
            (llm_server.BROKEN, NotTheApiError),
            (llm_server.HOLLOW, NotTheApiError),
            (llm_server.says("I would rather chat."), MalformedAnswerError),
            (llm_server.says('{"explanations": [{"index": 0, "te'), MalformedAnswerError),
            (llm_server.says(""), MalformedAnswerError),
            (llm_server.says('{"explanations": [{"index": 0, "text": "One."}]}'), MalformedAnswerError),
            (
                llm_server.says('{"explanations": [{"index": 0, "text": "A."}, {"index": 0, "text": "B."}]}'),
                MalformedAnswerError,
            ),
            (
                llm_server.says('{"explanations": [{"index": 0, "text": "A."}, {"index": 1, "text": " "}]}'),
                MalformedAnswerError,
            ),
        ],
        ids=lambda value: getattr(value, "__name__", None),
    )
    async def test_a_passing_fault_is_tried_again_and_a_lasting_one_is_typed(
        self, model: Subject, fault: Fault, error: type[ProviderError]
    ) -> None:
        # Given a fault that passes, the text comes
        model.server.script(fault)
        assert len(await model.provider.explain(TASK)) == 2
        assert len(model.server.received) == 2

        # Given a fault that lasts, as many tries as the settings allow, then the error
        model.server.script(fault, fault, fault)
        with pytest.raises(error) as caught:
            await model.provider.explain(TASK)

        assert caught.value.retryable
        assert caught.value.source is model.provider.source
        assert len(model.server.received) == 5

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (llm_server.status(401, "authentication_error"), BadKeyError),
            (llm_server.status(403, "permission_error"), BadKeyError),
            (llm_server.status(404, "not_found_error"), RejectedRequestError),
            (llm_server.status(413, "request_too_large"), RejectedRequestError),
            (llm_server.rate_limited(code="insufficient_quota"), RejectedRequestError),
            (llm_server.REFUSES, RefusedError),
        ],
    )
    async def test_what_will_not_pass_is_not_tried_again(
        self, model: Subject, fault: Fault, error: type[ProviderError]
    ) -> None:
        model.server.script(fault)

        with pytest.raises(error) as caught:
            await model.provider.explain(TASK)

        assert not caught.value.retryable
        assert len(model.server.received) == 1
        assert "secret-key" not in str(caught.value)

    async def test_a_rate_limit_within_the_deadline_is_waited_for(self, model: Subject) -> None:
        model.server.script(llm_server.rate_limited("0.01"))

        assert len(await model.provider.explain(TASK)) == 2

    @pytest.mark.parametrize("form", ["seconds", "date"])
    async def test_a_rate_limit_beyond_the_deadline_is_told_at_once(self, model: Subject, form: str) -> None:
        later = datetime.now(UTC) + timedelta(seconds=90)
        model.server.script(llm_server.rate_limited("90" if form == "seconds" else format_datetime(later, usegmt=True)))

        with pytest.raises(RateLimitedError) as caught:
            await model.provider.explain(TASK)

        assert caught.value.retry_after == pytest.approx(90, abs=5)
        assert len(model.server.received) == 1

    @pytest.mark.parametrize("form", ["seconds", "date"])
    async def test_no_provider_can_ask_for_more_patience_than_the_settings_have(
        self, model: Subject, form: str
    ) -> None:
        later = format_datetime(datetime.now(UTC) + timedelta(days=2), usegmt=True)
        model.server.script(llm_server.rate_limited("172800" if form == "seconds" else later))

        with pytest.raises(RateLimitedError) as caught:
            await model.provider.explain(TASK)

        assert caught.value.retry_after == QUICK.longest_retry_after

    @pytest.mark.parametrize("name", MODELS)
    async def test_a_slow_answer_ends_at_the_deadline(self, name: str, server: LlmServer) -> None:
        server.script(llm_server.SLOW)
        provider = build(name, server.url, replace(QUICK, seconds=0.5))

        with pytest.raises(ProviderTimeoutError, match="LLM_TIMEOUT_SECONDS"):
            await provider.insight(INSIGHT)

        await provider.aclose()

    @pytest.mark.parametrize("name", MODELS)
    async def test_a_server_that_is_not_there_is_unreachable(self, name: str) -> None:
        provider = build(name, "http://127.0.0.1:1", replace(QUICK, retries=0))

        with pytest.raises(UnreachableError, match="base URL"):
            await provider.explain(TASK)

        await provider.aclose()

    async def test_tokens_are_billed_for_every_answer_even_an_unusable_one(self, model: Subject) -> None:
        model.server.script(llm_server.says("nonsense"))

        await model.provider.explain(TASK)
        await model.provider.insight(INSIGHT)

        assert [(bill.purpose, bill.input_tokens, bill.output_tokens) for bill in model.bills] == [
            ("explain", 321, 45),
            ("explain", 321, 45),
            ("insight", 321, 45),
        ]
        assert {(bill.source, bill.model) for bill in model.bills} == {(model.provider.source, model.provider.model)}

    async def test_all_items_go_in_one_call_with_a_schema_for_the_answer(self, model: Subject) -> None:
        await model.provider.explain(TASK)

        (request,) = model.server.received
        assert [item["product"]["name"] for item in request.data["items"]] == [MILK.name, CEREAL.name]
        assert '"additionalProperties": false' in request.text
        assert '"json_schema"' in request.text


class TestStreams:
    async def test_the_pieces_are_the_text_and_are_billed_once(self, model: Subject) -> None:
        model.server.script(llm_server.says("First words,\nand then the rest."))

        pieces = [piece async for piece in model.provider.stream(ONE)]

        assert pieces == ["First", " words,", "\nand", " then", " the", " rest."]
        (bill,) = model.bills
        assert bill.purpose == "explain_stream"
        if model.provider.source is TextSource.LOCAL:  # not every server tells; from the length of what went over
            assert bill.input_tokens > 100
            assert bill.output_tokens == len("".join(pieces)) // 4
        else:
            assert (bill.input_tokens, bill.output_tokens) == (321, 45)

    async def test_pieces_come_as_they_are_written(self, model: Subject) -> None:
        model.server.gate = asyncio.Semaphore(0)
        pieces = model.provider.stream(ONE)

        for word in ("Organic", " Oat"):
            model.server.gate.release()
            assert await anext(pieces) == word
        await pieces.aclose()

        assert [bill.purpose for bill in model.bills] == ["explain_stream"], "what was read is paid for"

    async def test_one_item_is_asked_for_in_words_and_not_in_json(self, model: Subject) -> None:
        assert [piece async for piece in model.provider.stream(ONE)]

        (request,) = model.server.received
        assert request.body["stream"] is True
        assert [item["product"]["name"] for item in request.data["items"]] == [MILK.name]
        assert "schema" not in request.text

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (llm_server.rate_limited(), RateLimitedError),
            (llm_server.status(529, "overloaded_error"), OverloadedError),
            (llm_server.status(500), OverloadedError),
            (llm_server.CUT, UnreachableError),
            (llm_server.PAGE, ProviderError),
            (llm_server.BROKEN, ProviderError),
            (llm_server.HOLLOW, ProviderError),
            (llm_server.says(" "), MalformedAnswerError),
        ],
        ids=lambda value: getattr(value, "__name__", None),
    )
    async def test_before_the_first_word_a_passing_fault_is_tried_again(
        self, model: Subject, fault: Fault, error: type[ProviderError]
    ) -> None:
        model.server.script(fault)
        assert [piece async for piece in model.provider.stream(ONE)]
        assert len(model.server.received) == 2

        model.server.script(fault, fault, fault)
        with pytest.raises(error):
            await anext(model.provider.stream(ONE))
        assert len(model.server.received) == 5

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (llm_server.status(401, "authentication_error"), BadKeyError),
            (llm_server.REFUSES, RefusedError),
            (llm_server.rate_limited("90"), RateLimitedError),
        ],
    )
    async def test_what_will_not_pass_soon_is_told_at_once(
        self, model: Subject, fault: Fault, error: type[ProviderError]
    ) -> None:
        model.server.script(fault)

        with pytest.raises(error):
            await anext(model.provider.stream(ONE))

        assert len(model.server.received) == 1

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (llm_server.CUT_MIDWAY, UnreachableError),
            (llm_server.STOPS, UnreachableError),
            (llm_server.TOO_LONG, MalformedAnswerError),
            (llm_server.fails_midway("overloaded_error"), OverloadedError),
            (llm_server.fails_midway("rate_limit_error"), RateLimitedError),
            (llm_server.fails_midway("something_new"), OverloadedError),
        ],
    )
    async def test_after_the_first_word_a_fault_is_told_and_not_tried_again(
        self, model: Subject, fault: Fault, error: type[ProviderError]
    ) -> None:
        model.server.script(fault)
        model.server.gate = asyncio.Semaphore(3)
        pieces = model.provider.stream(ONE)

        assert [await anext(pieces) for _ in range(3)] == ["The", " beginning", " of"]
        model.server.gate.release()
        with pytest.raises(error):
            await anext(pieces)

        assert len(model.server.received) == 1
        assert len(model.bills) == 1

    @pytest.mark.parametrize("name", MODELS)
    async def test_a_stream_that_stands_still_ends_at_the_deadline(self, name: str, server: LlmServer) -> None:
        server.script(llm_server.SLOW)
        provider = build(name, server.url, replace(QUICK, seconds=0.7))
        read: list[str] = []

        async def read_all() -> None:
            async for piece in provider.stream(ONE):
                read.append(piece)  # noqa: PERF401 (what was read before the error is wanted)

        with pytest.raises(ProviderTimeoutError):
            await read_all()

        assert read
        await provider.aclose()


class TestErrors:
    """A log shows an error's message, and in a trace its causes too."""

    @pytest.mark.parametrize("status", [400, 401, 429, 503])
    async def test_one_that_repeats_the_prompt_is_raised_without_it(self, model: Subject, status: int) -> None:
        model.server.script(*[llm_server.echoes(status)] * 20)

        for asking in (model.provider.explain(ONE), model.provider.insight(INSIGHT), read(model.provider)):
            with pytest.raises(ProviderError) as raised:
                await asking
            shown = "".join(traceback.format_exception(raised.value))
            assert [word for word in (MILK.name, "Cereal", "online shop") if word in shown] == []
        assert MILK.name in model.server.received[0].text

    async def test_one_about_the_answer_does_not_repeat_it(self, model: Subject) -> None:
        model.server.script(*[llm_server.says('{"explanations": [{"index": "A secret"}]}')] * 3)

        with pytest.raises(MalformedAnswerError) as raised:
            await model.provider.explain(ONE)

        assert "secret" not in "".join(traceback.format_exception(raised.value))


async def read(provider: LlmProvider) -> str:
    """The whole of a stream."""
    return "".join([piece async for piece in provider.stream(ONE)])


class TestServersWithoutSchemas:
    async def test_the_schema_is_told_in_words_from_then_on(self, server: LlmServer) -> None:
        server.knows_no_schemas = True
        provider = build("local", server.url)

        assert len(await provider.explain(TASK)) == 2
        assert len(await provider.explain(TASK)) == 2
        await provider.aclose()

        formats = ["response_format" in request.body for request in server.received]
        assert formats == [True, False, False]
        assert '"explanations"' in server.received[1].system
        assert "explanations" not in server.received[0].system

    async def test_a_request_that_is_bad_for_another_reason_keeps_the_schema(self, server: LlmServer) -> None:
        bad = llm_server.status(400, "context_length_exceeded")
        server.script(bad, bad)
        provider = build("local", server.url)

        with pytest.raises(RejectedRequestError, match="context_length_exceeded"):
            await provider.explain(TASK)
        await provider.explain(TASK)
        await provider.aclose()

        assert "response_format" in server.received[-1].body

    @pytest.mark.parametrize("name", ["anthropic", "openai"])
    async def test_the_clouds_know_schemas_and_a_bad_request_is_told(self, name: str, server: LlmServer) -> None:
        server.script(llm_server.status(400, "invalid_request_error"))
        provider = build(name, server.url)

        with pytest.raises(RejectedRequestError):
            await provider.explain(TASK)
        await provider.aclose()

        assert len(server.received) == 1


class TestWhatGoesOverTheWire:
    async def test_anthropic_is_asked_with_its_key_and_its_structured_output(self, server: LlmServer) -> None:
        provider = build("anthropic", server.url)

        await provider.explain(TASK)
        await provider.aclose()

        (request,) = server.received
        assert (request.path, request.headers["Authorization"]) == ("/v1/messages", "Bearer secret-key")
        assert request.body["model"] == "claude-haiku-4-5"
        assert request.body["max_tokens"] == 1500
        assert request.body["output_config"]["format"]["schema"]["required"] == ["explanations"]

    async def test_openai_reasons_little_and_has_room_for_the_answer(self, server: LlmServer) -> None:
        provider = build("openai", server.url)

        await provider.explain(TASK)
        await provider.aclose()

        (request,) = server.received
        assert request.headers["Authorization"] == "Bearer secret-key"
        assert request.body["reasoning_effort"] == "minimal"
        assert request.body["max_completion_tokens"] > 1500
        assert request.body["response_format"]["json_schema"]["strict"] is True

    async def test_a_local_server_sees_no_key_and_only_what_all_servers_know(
        self, server: LlmServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
        monkeypatch.setenv("OPENAI_ORG_ID", "secret-org")
        provider = build("local", server.url)

        await provider.explain(TASK)
        await provider.aclose()

        (request,) = server.received
        assert "secret" not in str(request.headers)
        assert request.body.keys() == {"model", "messages", "response_format", "max_tokens", "temperature"}


def explanations(*entries: tuple[int, str]) -> str:
    return json.dumps({"explanations": [{"index": index, "text": text} for index, text in entries]})


class TestTheSpansOfEveryModel:
    async def test_a_call_has_one_which_holds_and_sends_nothing_of_it(self, model: Subject) -> None:
        with recording() as recorded, spans.span("job", spans.Kind.CONSUMER, {}):
            texts = await model.provider.explain(TASK)

        call, job = recorded.spans
        assert call.name == f"chat {model.provider.model}"
        assert is_part_of(call, job)
        assert attributes(call)["gen_ai.provider.name"] == model.provider.source.value.lower()
        assert attributes(call)["gen_ai.usage.output_tokens"] == model.bills[0].output_tokens
        assert not [hidden for hidden in (*texts, model.server.received[0].system) if hidden in recorded.text]
        headers = model.server.received[0].headers
        assert not [name for name in headers if name.lower() in {"traceparent", "tracestate", "baggage"}]

    async def test_a_stream_has_one_until_its_end(self, model: Subject) -> None:
        with recording() as recorded:
            async with aclosing(model.provider.stream(ONE)) as pieces:
                async for _ in pieces:
                    assert recorded.spans == []

        (call,) = recorded.spans
        assert attributes(call)["whybuy.llm.purpose"] == "explain_stream"
        assert attributes(call)["gen_ai.usage.output_tokens"] == model.bills[0].output_tokens
        assert call.status.status_code is StatusCode.UNSET

    async def test_a_stream_that_another_task_closes_has_not_failed(self, model: Subject) -> None:
        with recording() as recorded:
            pieces = model.provider.stream(ONE)
            await anext(pieces)
            await asyncio.create_task(pieces.aclose())

        (call,) = recorded.spans
        assert call.status.status_code is StatusCode.UNSET

    async def test_what_fails_says_how(self, model: Subject) -> None:
        model.server.script(llm_server.status(401, "authentication_error"))

        with recording() as recorded, pytest.raises(BadKeyError):
            await model.provider.explain(TASK)

        (call,) = recorded.spans
        assert call.status.status_code is StatusCode.ERROR
        assert attributes(call)["error.type"] == "BadKeyError"

"""All settings, read once from the environment (and `.env`) and passed on. Nothing here is read at import."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shop.access_settings import AuthSettings as AuthSettings  # noqa: PLC0414 (everybody takes it from here)
from shop.access_settings import OidcSettings as OidcSettings  # noqa: PLC0414
from shop.access_settings import RateSettings as RateSettings  # noqa: PLC0414
from shop.access_settings import WebhookSettings as WebhookSettings  # noqa: PLC0414
from shop.connection_settings import MongoSettings as MongoSettings  # noqa: PLC0414
from shop.connection_settings import RedisSettings as RedisSettings  # noqa: PLC0414
from shop.connection_settings import config as _config
from shop.entities.jobs import JobGroup


class QueueSettings(BaseSettings):
    """Region, credentials and endpoint of SQS are those of AWS's own variables (AWS_REGION, AWS_ENDPOINT_URL, …)."""

    model_config = _config("QUEUE_")

    backend: Literal["arq", "sqs"] = Field(
        "arq", description="What carries jobs: `arq` over Redis to workers, `sqs` over AWS SQS to functions."
    )
    url_general: str | None = Field(None, description="URL of the SQS queue of general jobs.")
    url_llm: str | None = Field(None, description="The same of jobs that call a language model.")
    url_training: str | None = Field(None, description="The same of trainings.")
    timeout_seconds: float = Field(3.0, gt=0, description="How long one call of SQS may take.")

    @property
    def urls(self) -> dict[JobGroup, str]:
        """The SQS queue of each group, of those that are set."""
        named = {
            JobGroup.GENERAL: self.url_general,
            JobGroup.LLM: self.url_llm,
            JobGroup.TRAINING: self.url_training,
        }
        return {group: url for group, url in named.items() if url}

    @model_validator(mode="after")
    def _sqs_needs_urls(self) -> QueueSettings:
        missing = [group for group in JobGroup if group not in self.urls]
        if self.backend == "sqs" and missing:
            raise ValueError(f"QUEUE_BACKEND=sqs needs QUEUE_URL_{missing[0].upper()}")
        return self


class ApiSettings(BaseSettings):
    model_config = _config("API_")

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the API; 0 picks a free one.")
    max_query_depth: int = Field(12, gt=0, description="Deepest query that is run.")
    max_query_tokens: int = Field(4000, gt=0, description="Longest query that is run, in tokens.")
    max_query_length: int = Field(40_000, gt=0, description="Longest query that is run, in characters.")
    max_query_cost: int = Field(
        10_000, gt=0, description="Dearest query that is run; one unit is about one value of the answer."
    )
    max_batch_cost: int = Field(
        100_000, gt=0, description="Dearest query of staff and services, whose batches have a thousand entries."
    )
    query_cache_bytes: int = Field(16 << 20, description="Memory of each API process for queries that it has read.")
    max_body_bytes: int = Field(1 << 20, gt=0, description="Largest body of a request, and of a WebSocket message.")
    max_batch_bytes: int = Field(
        8 << 20,
        gt=0,
        description="Largest body of a request of staff and services that states its length, and largest answer to "
        "them.",
    )
    max_header_bytes: int = Field(32 << 10, gt=0, description="Longest headers of a request, with its address.")
    max_answer_bytes: int = Field(4 << 20, gt=0, description="Largest answer.")
    deadline_seconds: float = Field(10, gt=0, description="How long a query or mutation may take.")
    read_seconds: float = Field(15, gt=0, description="How long a request's headers, and then its body, may take.")
    write_seconds: float = Field(30, gt=0, description="How long a client may take to read 64 KiB of its answer.")
    trusted_proxies: list[str] = Field(
        [],
        description="Addresses or networks of proxies whose `X-Forwarded-For` names the client, as a JSON list; "
        '`["*"]` for all.',
    )
    introspection: Literal["everyone", "staff", "nobody"] | None = Field(
        None, description="Who may ask for the schema; empty: everyone in development, staff in production."
    )
    graphiql: bool | None = Field(
        None, description="Whether a browser finds GraphiQL at /graphql; empty: in development alone."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token for /metrics, which production closes without one."
    )
    trusted_documents: Path | None = Field(
        None, description="JSON file of the only documents that are run, `{hash: document}`; empty: all are."
    )
    max_sockets_per_viewer: int = Field(
        50, gt=0, description="Open sockets and streams of one shopper, in each process."
    )
    max_sockets_per_address: int = Field(
        200, gt=0, description="Open sockets and streams of one address, in each process."
    )
    max_subscriptions: int = Field(100, gt=0, description="Operations that run at once on one WebSocket.")
    max_socket_bytes: int = Field(
        4 << 20, gt=0, description="Answers that wait for one WebSocket's reader, in bytes; then it is closed."
    )
    product_cache_size: int = Field(200_000, description="Products kept in memory by each API process.")
    default_locale: Literal["en", "de", "fr", "es", "tr"] = Field(
        "en", description="Language of texts where neither the page, the shopper nor the browser names one."
    )
    cors_origins: list[str] = Field([], description="Origins whose pages may call the API, as a JSON list.")


class ModelSettings(BaseSettings):
    model_config = _config("MODEL_")

    cache_dir: Path = Field(Path(".whybuy/models"), description="Where model snapshots are unpacked and memory-mapped.")
    weight_collaborative: float = Field(0.35, ge=0, description="Weight of collaborative filtering.")
    weight_content: float = Field(0.30, ge=0, description="Weight of content-based filtering.")
    weight_neural: float = Field(0.25, ge=0, description="Weight of neural embeddings.")
    weight_contextual: float = Field(0.10, ge=0, description="Weight of the contextual part.")
    exploration_share: float = Field(
        0.05, ge=0, le=0.5, description="Part of a FOR_YOU, NEXT_IN_SESSION or CART list that may be exploration."
    )
    bandit_half_life_days: float = Field(
        30, gt=0, description="Age at which a click weighs half in what the bandit has learned, in days."
    )
    history_limit: int = Field(3000, description="Most recent events of a shopper that scoring looks at.")
    seed: int = Field(42, description="Seed of training; the same data and seed give the same model.")
    guard_margin: float = Field(
        0.05,
        ge=0,
        le=1,
        description="A new model whose NDCG@10 is worse than that of the one in use by more than this part is kept "
        "inactive.",
    )
    max_per_category: int = Field(0, ge=0, description="Most products of one deepest category in a list; 0: no limit.")
    max_per_brand: int = Field(0, ge=0, description="Most products of one brand in a list; 0: no limit.")
    max_share_per_seed: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Largest part of a FOR_YOU list that may rest on one product of the shopper's history, or on one "
        "category, brand or taste; 1: no limit.",
    )
    fewest_shoppers: int = Field(
        3,
        ge=1,
        description="Shoppers that a pair of products, a trend or a reason must rest on, so that nobody's habits "
        "become everybody's shelf; 2 at most where the shop has fewer than 50 shoppers. From the next training on.",
    )
    snapshots_kept: int = Field(5, ge=2, description="Model snapshots kept for going back.")


LLM_PROVIDERS = ("anthropic", "openai", "local", "template")


def _names(listed: str) -> list[str]:
    return [name for part in listed.split(",") if (name := part.strip().lower())]


class Price(BaseModel):
    """US dollars per million tokens, which is as much as millionths of a dollar per token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def micros(self, input_tokens: int, output_tokens: int) -> int:
        """What a call costs, in millionths of a US dollar."""
        return round(input_tokens * self.input + output_tokens * self.output)


class LlmSettings(BaseSettings):
    model_config = _config("LLM_")

    provider: Literal["template", "anthropic", "openai", "local"] = Field(
        "template", description="Who writes the texts; `template` needs no key and is always the fallback."
    )
    fallbacks: str = Field(
        "",
        description="Who writes when that one cannot, in this order, separated by commas, as in `openai,local`; "
        "`template` always comes last.",
    )
    anthropic_model: str = Field("claude-haiku-4-5", description="Model asked at Anthropic.")
    openai_model: str = Field("gpt-5-mini", description="Model asked at OpenAI.")
    local_model: str = Field("local", description="Model name sent to the local server.")
    local_base_url: str = Field(
        "http://127.0.0.1:11434/v1", description="Base URL of an OpenAI-compatible server (Ollama, llama.cpp, vLLM)."
    )
    anthropic_base_url: str | None = Field(None, description="Other base URL for Anthropic, for a proxy.")
    openai_base_url: str | None = Field(None, description="Other base URL for OpenAI, for a proxy.")
    timeout_seconds: float = Field(20, gt=0, description="How long one call may take, with its retries.")
    deadline_seconds: float = Field(
        45, gt=0, description="How long a text may take with all fallbacks; then the template writes it."
    )
    max_retries: int = Field(2, ge=0, description="Retries of one call before the next in line writes.")
    max_retry_after_seconds: float = Field(
        300, gt=0, description="How long a provider's `retry-after` is heeded at most."
    )
    max_concurrency: int = Field(4, gt=0, description="Calls of one provider at the same time, for each worker.")
    insight_refresh_events: int = Field(
        5, ge=1, description="New events of a shopper after which the insight is written anew."
    )
    max_output_tokens: int = Field(1500, gt=0, description="Longest answer, in tokens.")
    breaker_failures: int = Field(
        3, gt=0, description="Failed calls in a row after which a provider is left alone, and the next in line writes."
    )
    breaker_seconds: float = Field(30, gt=0, description="How long it is left alone, until one call tries it again.")
    breaker_lasting_seconds: float = Field(
        600, gt=0, description="The same after a wrong key, an unknown model or an empty account."
    )
    prices: dict[str, Price] = Field(
        {"claude-haiku-4-5": Price(input=1, output=5), "gpt-5-mini": Price(input=0.25, output=2)},
        description="US dollars per million tokens of each model, as JSON. Replaces the whole table; check the prices "
        "against those of your provider.",
    )
    daily_budget_explain_usd: float | None = Field(
        None,
        ge=0,
        description="Most that explanations may cost in a day (UTC); then the template writes. Empty: no limit.",
    )
    daily_budget_insight_usd: float | None = Field(None, ge=0, description="The same for insights.")
    daily_budget_stream_usd: float | None = Field(
        None, ge=0, description="The same for explanations that are streamed while they are written."
    )
    anthropic_api_key: SecretStr | None = Field(
        None, validation_alias="ANTHROPIC_API_KEY", description="Key for Anthropic."
    )
    openai_api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY", description="Key for OpenAI.")
    local_api_key: SecretStr | None = Field(None, description="Key for the local server, if it wants one.")

    @field_validator("fallbacks")
    @classmethod
    def _are_known(cls, fallbacks: str) -> str:
        unknown = [name for name in _names(fallbacks) if name not in LLM_PROVIDERS]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: known are {', '.join(LLM_PROVIDERS)}")
        return fallbacks

    @property
    def chain(self) -> tuple[str, ...]:
        """The language models in the order in which they are tried, none twice; the template comes after them."""
        names = dict.fromkeys([self.provider, *_names(self.fallbacks)])
        return tuple(takewhile(lambda name: name != "template", names))

    @model_validator(mode="after")
    def _budgets_need_prices(self) -> LlmSettings:
        budgets = (self.daily_budget_explain_usd, self.daily_budget_insight_usd, self.daily_budget_stream_usd)
        paid = {"anthropic": self.anthropic_model, "openai": self.openai_model}
        models = [paid[name] for name in self.chain if name in paid]
        unpriced = [model for model in models if model not in self.prices]
        if unpriced and any(budget is not None for budget in budgets):
            raise ValueError(f"a daily budget needs the price of {unpriced[0]!r} in LLM_PRICES")
        return self


class TrainingTask(BaseModel):
    """A task definition of ECS whose container runs `python -m workers.aws_task`, and where it is started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster: str
    task_definition: str
    container: str
    subnets: list[str]
    security_groups: list[str]


class WorkerSettings(BaseSettings):
    model_config = _config("WORKER_")

    concurrency: int = Field(
        10, gt=0, description="Jobs that one worker runs at the same time, besides those of the groups below."
    )
    llm_concurrency: int = Field(
        4, gt=0, description="Jobs that ask a language model, which one worker runs at the same time."
    )
    training_concurrency: int = Field(1, gt=0, description="Trainings that one worker runs at the same time.")
    schedule: bool = Field(True, description="Whether this worker starts scheduled jobs.")
    job_retention_days: float = Field(14, gt=0, description="How long the records of ended jobs are kept, in days.")
    training_task: TrainingTask | None = Field(
        None,
        description="The ECS task in which a cloud function has trainings run that may take longer than a function "
        "lives, as JSON: `cluster`, `task_definition`, `container`, `subnets`, `security_groups`.",
    )


class PrivacySettings(BaseSettings):
    model_config = _config("PRIVACY_")

    export_hours: float = Field(24, gt=0, description="How long an export of a shopper's data can be downloaded.")
    settle_seconds: float = Field(
        15,
        ge=0,
        description="How long an erasure waits for requests under way, before it looks a last time; longer than "
        "API_DEADLINE_SECONDS.",
    )
    mark_days: float = Field(
        90,
        gt=0,
        description="How long an erased id is remembered, as a salted hash, so that no old token makes it again; "
        "longer than any token is valid.",
    )
    train_after_erasure: bool = Field(
        False, description="Whether an erasure starts a full training at once, and does not wait for the scheduled one."
    )


class RetentionSettings(BaseSettings):
    """Applied hourly by the job `sweep`."""

    model_config = _config("RETENTION_")

    list_log_days: float = Field(
        180, ge=0, description="How long the lists that were shown are kept, in days; 0: for ever."
    )
    explanation_days: float = Field(180, ge=0, description="The same for texts that explain; they are written anew.")
    audit_log_days: float = Field(730, ge=0, description="The same for the audit log.")
    session_days: float = Field(
        730,
        ge=0,
        description="The same for which visits were a shopper's: after that the events of such a visit count as a "
        "stranger's.",
    )
    export_days: float = Field(
        30,
        ge=0,
        description="The same for the records of ended exports; their data go when they are downloaded or expire.",
    )


class StackSettings(BaseSettings):
    model_config = _config("WHYBUY_")

    env: Literal["development", "production"] = Field(
        "development", description="In development the `X-User` header may name the viewer; in production it may not."
    )
    data_dir: Path = Field(Path(".whybuy"), description="Folder for the databases and models of the local stack.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_json: bool = Field(False, description="Log as JSON lines instead of readable text.")
    watchdog_seconds: float = Field(
        20,
        ge=0,
        description="After so long without a turn of its event loop, the API or a worker writes its stacks to the log "
        "and ends, to be started again; 0: never.",
    )


class TelemetrySettings(BaseSettings):
    """The other OTEL_ variables are read by OpenTelemetry's SDK itself."""

    model_config = _config("OTEL_")

    exporter_otlp_endpoint: str | None = Field(
        None,
        description="Base URL that spans are sent to (OTLP over HTTP); needs `pip install 'whybuy[telemetry]'`. Empty: "
        "no tracing.",
    )
    traces_exporter: Literal["otlp", "console", "none"] | None = Field(
        None,
        description="`otlp` traces also without that URL (to http://localhost:4318), `console` writes spans to stdout, "
        "`none` turns tracing off.",
    )

    @property
    def wanted(self) -> bool:
        return self.traces_exporter != "none" and bool(self.traces_exporter or self.exporter_otlp_endpoint)


class Settings(BaseSettings):
    """Everything, in small frozen groups."""

    model_config = SettingsConfigDict(frozen=True)

    mongo: MongoSettings = Field(default_factory=MongoSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    queue: QueueSettings = Field(default_factory=QueueSettings)
    api: ApiSettings = Field(default_factory=ApiSettings)
    rate: RateSettings = Field(default_factory=RateSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    webhook: WebhookSettings = Field(default_factory=WebhookSettings)
    model: ModelSettings = Field(default_factory=ModelSettings)
    llm: LlmSettings = Field(default_factory=LlmSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    privacy: PrivacySettings = Field(default_factory=PrivacySettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    stack: StackSettings = Field(default_factory=StackSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)

    @property
    def shows_graphiql(self) -> bool:
        """Whether a browser finds it."""
        return self.stack.env == "development" if self.api.graphiql is None else self.api.graphiql

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers send cookies over HTTPS alone."""
        return self.stack.env != "development" if self.auth.cookie_secure is None else self.auth.cookie_secure

    @property
    def introspection(self) -> Literal["everyone", "staff", "nobody"]:
        """Who may ask for the schema."""
        return self.api.introspection or ("everyone" if self.stack.env == "development" else "staff")

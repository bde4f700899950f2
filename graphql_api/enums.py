"""Enums of the lower layers as GraphQL enums, every value described."""

from __future__ import annotations

from enum import Enum

import strawberry

from scoring.ranking.rules import RuleAction, Segment
from scoring.types import EventType, ReasonKind, Scenario
from shop.entities.access import Scope
from shop.entities.catalog import ChangeStatus
from shop.entities.corrections import ExclusionReason
from shop.entities.events import ProductChange
from shop.entities.explanations import TextSource, TextStatus
from shop.entities.feedback import RatingReason, ReportGroup
from shop.entities.jobs import JobState
from shop.entities.merchandising import Weekday
from shop.entities.models import SnapshotStatus, TrainingKind
from shop.entities.paging import ProductSort
from shop.entities.recommendations import Confidence, Degradation
from shop.entities.usage import Purpose, UsageDimension
from shop.entities.users import Role


def _describe(enum: type[Enum], name: str, description: str, values: dict[Enum, str]) -> None:
    """Registers the enum as it is; strawberry would want the descriptions where the members are defined."""
    strawberry.enum(enum, name=name, description=description)
    definition = enum.__strawberry_definition__  # type: ignore[attr-defined]  # put there by the line above
    for value in definition.values:
        value.description = values[enum[value.name]]


_describe(
    Scenario,
    "Scenario",
    "What a list is for.",
    {
        Scenario.FOR_YOU: "The home page: new products for this shopper.",
        Scenario.SIMILAR: "A product page: what resembles the products of `productIds`.",
        Scenario.BOUGHT_TOGETHER: "A product page: what goes into the same basket as `productIds`.",
        Scenario.CART: "The cart page: what completes the basket of `productIds`.",
        Scenario.TRENDING: "What is rising over its usual level.",
        Scenario.POPULAR: "What most shoppers buy.",
        Scenario.BUY_AGAIN: "What this shopper buys again and again, what is due first.",
        Scenario.RECENTLY_VIEWED: "What this shopper looked at, newest first.",
        Scenario.NEXT_IN_SESSION: "What follows from the last minutes of this visit.",
    },
)
_describe(
    EventType,
    "InteractionType",
    "What a shopper did with a product.",
    {
        EventType.VIEW: "Saw its page.",
        EventType.CLICK: "Clicked it in a list.",
        EventType.LIKE: "Liked it or put it on a wish list.",
        EventType.PURCHASE: "Bought it.",
        EventType.RATING: "Rated it; `rating` says how.",
    },
)
_describe(
    ReasonKind,
    "ReasonKind",
    "What kind of evidence a reason is.",
    {
        ReasonKind.BOUGHT_TOGETHER: "Shoppers put it into one basket with `product`; `count` says how many.",
        ReasonKind.ALSO_BOUGHT: "Shoppers bought it and `product`, at whatever time; `count` says how many. "
        "For shops whose orders have one product each.",
        ReasonKind.SIMILAR_TO: "It resembles `product`.",
        ReasonKind.SAME_CATEGORY: "The shopper buys from its category, `label`.",
        ReasonKind.SAME_BRAND: "The shopper buys its brand, `label`.",
        ReasonKind.SHOPPERS_LIKE_YOU: "Shoppers with a similar history buy it.",
        ReasonKind.TRENDING: "Demand is above its usual level.",
        ReasonKind.POPULAR: "Shoppers buy it; `count` says how many.",
        ReasonKind.BUY_AGAIN: "The shopper bought it before.",
        ReasonKind.DUE_AGAIN: "The shopper buys it in a rhythm of their own.",
        ReasonKind.RECENTLY_VIEWED: "The shopper looked at it.",
        ReasonKind.STATED_TASTE: "The shopper named `label` as a taste.",
        ReasonKind.EXPLORATION: "It is shown to learn whether it fits.",
        ReasonKind.CATALOGUE: "It is in the catalogue; too few shoppers know it yet for more to be said.",
        ReasonKind.PROMOTED: "The shop itself chose it for this place; nothing of the shopper is in it.",
    },
)
_describe(
    RuleAction,
    "RuleAction",
    "What a merchandising rule does with its products.",
    {
        RuleAction.BOOST: "Multiplies their scores by a factor above 1.",
        RuleAction.BURY: "Multiplies their scores by a factor below 1.",
        RuleAction.PIN: "Puts them at a position, whatever their scores; the reason is PROMOTED.",
        RuleAction.EXCLUDE: "Keeps them out; wins over every other rule.",
    },
)
_describe(
    Segment,
    "ShopperSegment",
    "Shoppers by how much is known of them.",
    {
        Segment.COLD: "Fewer than 5 events.",
        Segment.LIGHT: "5 to 49 events.",
        Segment.HEAVY: "50 events or more.",
    },
)
_describe(Weekday, "Weekday", "A day of the week.", {day: f"{day.name.capitalize()}, in UTC." for day in Weekday})
_describe(
    Confidence,
    "Confidence",
    "How strong a recommendation is: the score in words, with the same meaning on every shelf.",
    {
        Confidence.VERY_HIGH: "Score above 0.7.",
        Confidence.HIGH: "Score above 0.5.",
        Confidence.MEDIUM: "Score above 0.3.",
        Confidence.EXPLORATORY: "Any lower score.",
    },
)
_describe(
    Degradation,
    "Degradation",
    "A part that did not answer; the list came without it.",
    {
        Degradation.SESSION: "The last minutes may be missing: Redis is away.",
        Degradation.CATALOG: "Products come from memory: MongoDB is away.",
        Degradation.HISTORY: "The shopper's past is missing: MongoDB is away.",
        Degradation.EXPLANATIONS: "New explanations could not be ordered; ask again later.",
        Degradation.LOG: "The log is full; an older list was dropped from it.",
        Degradation.LANGUAGE: "Texts are not written in the language that was asked for, but in `language`.",
        Degradation.LLM_BUDGET: "Today's budget for explanations is used up: new ones come from a template.",
    },
)
_describe(
    TextStatus,
    "ExplanationStatus",
    "Where a text is in its life.",
    {
        TextStatus.PENDING: "It is being written.",
        TextStatus.STALE: "An earlier text whose reasons still hold, with numbers of that time; a new one is on order.",
        TextStatus.READY: "It is there.",
        TextStatus.FAILED: "It could not be written.",
    },
)
_describe(
    TextSource,
    "ExplanationSource",
    "Who wrote a text.",
    {
        TextSource.ANTHROPIC: "A model at Anthropic.",
        TextSource.OPENAI: "A model at OpenAI.",
        TextSource.LOCAL: "A model on the shop's own server.",
        TextSource.TEMPLATE: "No model: sentences put together from the evidence.",
    },
)
_describe(
    RatingReason,
    "RatingReason",
    "What is wrong with an explanation.",
    {
        RatingReason.WRONG: "It says something that is not true.",
        RatingReason.UNCLEAR: "It cannot be understood.",
        RatingReason.TOO_LONG: "It takes too long to read.",
        RatingReason.NOT_RELEVANT: "It is true, and does not matter to the shopper.",
        RatingReason.OTHER: "Something else; `comment` may say what.",
    },
)
_describe(
    ReportGroup,
    "ExplanationReportGroup",
    "What the rows of a report on explanations are for.",
    {
        ReportGroup.SOURCE: "Who wrote the text.",
        ReportGroup.MODEL: "The language model that wrote it; templates have none.",
        ReportGroup.PROMPT_VERSION: "The version of prompt or template.",
    },
)
_describe(
    ExclusionReason,
    "ExclusionReason",
    "Why an event does not count for the shopper.",
    {
        ExclusionReason.GIFT: "It was for somebody else.",
        ExclusionReason.NOT_MINE: "Somebody else did it.",
        ExclusionReason.OTHER: "Another reason; `note` may say which.",
    },
)
_describe(
    ProductSort,
    "ProductSort",
    "The order of a product listing.",
    {
        ProductSort.POPULARITY: "Best sellers first; the default without `search`.",
        ProductSort.RELEVANCE: "Exact names and SKUs, then by match and demand; the default of a search.",
        ProductSort.PRICE_ASC: "Cheapest first, products without a price last.",
        ProductSort.PRICE_DESC: "Dearest first, products without a price last.",
        ProductSort.NAME_ASC: "A to Z.",
        ProductSort.NAME_DESC: "Z to A.",
        ProductSort.NEWEST: "Newest in the catalogue first.",
    },
)
_describe(
    ProductChange,
    "ProductChange",
    "What happened to a product.",
    {
        ProductChange.UPDATED: "It was made, changed or put back on offer.",
        ProductChange.DELETED: "It is withdrawn: shoppers see it no longer.",
    },
)
_describe(
    ChangeStatus,
    "ChangeStatus",
    "What became of one entry of a batch.",
    {
        ChangeStatus.CREATED: "It is new.",
        ChangeStatus.UPDATED: "It was there, and is changed.",
        ChangeStatus.UNCHANGED: "It was so already; nothing was written.",
        ChangeStatus.REFUSED: "Nothing was stored of it; `userErrors` say why.",
    },
)
_describe(
    Role,
    "Role",
    "What an account may do.",
    {
        Role.SHOPPER: "Its own things.",
        Role.STAFF: "What is needed to run the shop, for everybody's sake.",
        Role.SERVICE: "What the scopes of an API key say: the role of programs.",
        Role.ADMIN: "Everything, also roles and API keys.",
    },
)
_describe(
    Scope,
    "ApiScope",
    "What an API key may do; reading the catalogue needs none. docs/permissions.md has every field.",
    {
        Scope.CATALOG_WRITE: "Change products.",
        Scope.INTERACTIONS_WRITE: "Record what shoppers do.",
        Scope.RECOMMENDATIONS_READ: "Ask for anybody's lists and explanations, and follow them.",
        Scope.TEXTS_WRITE: "Order and rate texts for anybody.",
        Scope.USERS_READ: "Read users, their history and insights.",
        Scope.USERS_WRITE: "Change users.",
        Scope.RULES_READ: "Read merchandising rules.",
        Scope.RULES_WRITE: "Change them.",
        Scope.MODELS_WRITE: "Start trainings, choose the model, try jobs again.",
        Scope.JOBS_READ: "Follow jobs.",
        Scope.REPORTS_READ: "Read reports on texts, language models and models.",
        Scope.PRIVACY_WRITE: "Export and erase what is stored about a shopper.",
    },
)
_describe(
    TrainingKind,
    "TrainingKind",
    "How much of a model is made anew.",
    {
        TrainingKind.FULL: "All of it, with settings chosen anew; daily by schedule.",
        TrainingKind.EMBEDDINGS: "The product embeddings, moved towards what shoppers did lately; every six hours.",
        TrainingKind.CONTENT: "The catalogue: products that are new, changed or gone; weekly.",
    },
)
_describe(
    SnapshotStatus,
    "ModelStatus",
    "Whether a model answers.",
    {
        SnapshotStatus.ACTIVE: "It makes the lists.",
        SnapshotStatus.INACTIVE: "It could: it was the active one, or another was chosen.",
        SnapshotStatus.REJECTED: "The guard kept it from being activated; `rejection` says why.",
    },
)
_describe(
    JobState,
    "JobState",
    "Where a job is in its life.",
    {
        JobState.QUEUED: "It waits for a worker, or for its next attempt.",
        JobState.RUNNING: "A worker is at it.",
        JobState.SUCCEEDED: "It has done what it was for.",
        JobState.FAILED: "It has given up; `errorCode` and `errorMessage` say why.",
        JobState.CANCELLED: "It was called off.",
    },
)
_describe(
    Purpose,
    "LlmPurpose",
    "What a language model is asked for; each has a daily budget of its own.",
    {
        Purpose.EXPLAIN: "Explanations of recommendations.",
        Purpose.INSIGHT: "Insights on shoppers.",
        Purpose.STREAM: "Explanations that are sent while they are written.",
    },
)
_describe(
    UsageDimension,
    "LlmUsageDimension",
    "By what usage is added up.",
    {
        UsageDimension.DAY: "Each day, in UTC.",
        UsageDimension.PROVIDER: "Each provider.",
        UsageDimension.MODEL: "Each model.",
        UsageDimension.PURPOSE: "Each purpose.",
    },
)

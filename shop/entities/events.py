"""What is pushed to subscribers. Every event goes through the event log, which gives it its id."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ProductChange(StrEnum):
    """What an event of PRODUCT_UPDATED tells of a product: it changed, or shoppers see it no longer."""

    UPDATED = "UPDATED"
    DELETED = "DELETED"


class Topic(StrEnum):
    UNKNOWN = "unknown"
    INTERACTION = "interaction"  # subject: actor key; data: product_id, type
    HISTORY_CORRECTED = "history_corrected"  # subject: actor key; some events count no longer, or again
    EXPLANATION_READY = "explanation_ready"  # subject: actor key; data: key, product_id
    EXPLANATION_CHUNK = "explanation_chunk"  # subject: explanation key; data: text (so far), actor (key)
    INSIGHT_UPDATED = "insight_updated"  # subject: actor key; data: language
    PRODUCT_UPDATED = "product_updated"  # subject: product id; data: change (a ProductChange)
    DATA_IMPORTED = "data_imported"  # subject: ""; much changed at once, so all caches are void
    USER_UPDATED = "user_updated"  # subject: user id
    SIGN_IN_ENDED = "sign_in_ended"  # subject: id of the sign-in
    API_KEY_REVOKED = "api_key_revoked"  # subject: key id
    USER_ERASED = "user_erased"  # subject: user id; data: sessions (ids); deleted from the log when all is erased
    MODEL_ACTIVATED = "model_activated"  # subject: model version
    JOB_CHANGED = "job_changed"  # subject: job id
    RULES_CHANGED = "rules_changed"  # subject: rule id; data: change (SAVED, DELETED)


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the event log; `id` is empty until it is published, then ordered and unique."""

    topic: Topic
    subject: str
    data: dict[str, Any] = field(default_factory=dict)
    id: str = ""
